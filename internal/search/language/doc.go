// Package language knows words: how a text is cut into them, which of them are the same word, and what they mean in the
// languages of a shopper. Engines use it on what they index and on what shoppers type, so that both engines understand a
// text alike.
//
// Tokenize cuts a text into words. Stem removes plurals, English ones and some French. Everything else depends on the
// language and is looked up in its words (search.Words): adjectives and plurals lose their endings only where that makes
// a known word of them, and German and Dutch compounds are split only into known words. So no rule can make nonsense of
// a word that is not known.
package language
