package injection

// Why is what people are told whose label has no effect, by reason.
var Why = map[string]string{
	"windows":       "it is for Windows nodes",
	"virtual":       "it is for Fargate or a virtual node",
	"runtime-class": "its runtimeClassName is not on the list of those with a usual /proc",
	"host-users":    "with hostUsers: false it cannot have hostPath volumes of podview's; NRI works",
	"pod-security":  "its namespace enforces Pod Security, which refuses hostPath volumes; NRI works",
	"namespace":     "its namespace is on the list of those that are left alone",
}

// Message is the text for one of them.
func Message(reason string) string { return "podview leaves this pod alone: " + Why[reason] }

// OnlyVolumes tells the reasons that are none for the NRI plugin.
func OnlyVolumes(reason string) bool { return reason == "host-users" || reason == "pod-security" }
