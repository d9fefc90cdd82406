// Package arch has no code: its test holds the tree to the table of who may
// import whom, and says the reason when a rule is broken.
package arch
