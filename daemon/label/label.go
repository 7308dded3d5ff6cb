// Package label has the labels that ask for the view. The policies and the
// NRI plugin must agree on them.
package label

// Key is on a namespace or a pod. The policies read both; what has reached a
// node is the pod's.
const (
	Key      = "podview.dev/inject"
	Enabled  = "enabled"
	Disabled = "disabled"
)

// UnmaskedKey, Enabled on a pod, is for its containers with procMount:
// Unmasked: the view in spite of that. It is a label of its own, so that
// opting in and out stays what it was, and a podview that does not know it
// does what it did.
const UnmaskedKey = "podview.dev/inject-unmasked"
