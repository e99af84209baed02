// Package regions holds the regions Meridian runs in, one YAML file each, and answers questions about them: where a
// country's customers are homed, who takes over from whom, and what a public id means. The files are the single
// source for Go, Terraform and Kubernetes; this package compiles them into the binary.
//
// What it promises of every Set:
//
//   - names, codes, cloud regions and warehouse codes are unique; exactly one region is primary;
//   - every ISO 3166-1 country is homed in exactly one region;
//   - the failover order of every region covers all the others;
//   - traffic shares sum to 10000 basis points; every region has an api and a warehouse;
//   - a public id has exactly one spelling, and parsing what was formatted gives the same reference.
//
// It is a leaf: any package may import it, and it imports none of this module.
//
// # The keys of a file
//
// The fields of Region say what each key means. All are needed except primary, currency_of, countries (a region may
// home nobody) and traffic_share_bp (which is then 0). Country codes are quoted, since YAML 1.1 readers take a bare
// NO for false.
//
// The residency key is a choice between two promises that cannot both be had: "default" survives the loss of the
// region because copies of its rows also live in other regions; "strict" keeps every copy inside the super region,
// and survives the loss of a region only when that super region has three.
//
// # How to add a region
//
//  1. Copy a file to <name>.yaml. Choose a new name, a new three-letter code (it is part of public ids: it never
//     changes), the cloud region, coordinates and at least one warehouse. Start dark: no traffic_share_bp, no
//     countries. No other file changes: the others' failover lists get the new region appended by distance.
//  2. Roll the binary out everywhere, so that every pod can read the new region's ids.
//  3. Run meridian migrate up: it adds the region to the database and makes its warehouses known.
//  4. Apply the region's Terraform and Kubernetes overlays; it now serves whoever is nearest to it.
//  5. To home countries there, move their codes from the other file to this one in one change, and shift the shares.
//     That homes new customers; rows of those who registered before stay where their ids say they are.
package regions
