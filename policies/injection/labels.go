package injection

// Labels is a variant that adds no volumes: it gives the pods of opted-in
// namespaces the pod's own label. That is all that the NRI plugin on the node
// sees, and it mounts the view.
type Labels struct {
	// Suffix ends the names of the variant's components.
	Suffix string
	// Rest is for clusters that have a Variant too: only the pods that it
	// leaves alone because hostPath does not work for them.
	Rest bool
}

// LabelsAll labels every pod. Its policies have the names of Everywhere's, so
// that no cluster has both of them, and no pod the volumes and the label.
func LabelsAll() Labels { return Labels{Suffix: "-label"} }

// LabelsRest goes together with Everywhere: each pod is one's or the other's.
func LabelsRest() Labels { return Labels{Suffix: "-label-rest", Rest: true} }
