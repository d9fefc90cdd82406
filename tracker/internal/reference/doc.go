// Package reference is a small TCP endpoint made to be held beside RFC 9293,
// and a wire with a tap between two of them: a world in which the true states are
// known, to check what the tracker makes of the segments that pass the tap.
//
// It promises the answers of RFC 9293 3.10 (with RFC 5961, and RFC 7323's
// timestamps where they are on) and nothing else: no congestion control, no
// window that ever fills, no delayed acknowledgements. Where the RFC leaves a choice, or stacks
// in use differ from it, Stack has a field.
//
// Numbers count from the initial sequence number of the side they belong to: SYN
// is octet 0. Data come in units of Unit octets. Times are microseconds.
//
// A run is a function of choices: Choices enumerates all of them, Run plays one.
package reference
