// Package search finds products for shoppers: fast, in their region, and always with an answer.
package search
