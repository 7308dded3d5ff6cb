package injection

import "github.com/podview/podview/daemon/label"

// Label opts a namespace or a pod in (Enabled) or a pod out (Disabled). The
// pod's label wins.
const (
	Label    = label.Key
	Enabled  = label.Enabled
	Disabled = label.Disabled
)

// Unmasked is the procMount of containers that get no mounts: with a file
// mounted over its /proc, the kernel refuses a new procfs to a user namespace
// in the container, which is what procMount is for. UnmaskedLabel, Enabled on
// the pod, insists.
const (
	Unmasked      = "Unmasked"
	UnmaskedLabel = label.UnmaskedKey
)

// Names that Kubernetes gives.
const (
	NamespaceLabel   = "kubernetes.io/metadata.name"
	PodSecurityLabel = "pod-security.kubernetes.io/enforce"
	MirrorAnnotation = "kubernetes.io/config.mirror"
	OSLabel          = "kubernetes.io/os"
	Windows          = "windows"
)

// EvictableVolumes is the pod annotation that names, with commas between and
// no spaces, the hostPath and emptyDir volumes that cluster-autoscaler may
// lose. One that is not named keeps it from removing the pod's node.
const EvictableVolumes = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

// Rules says which pods are left alone whatever their labels say.
type Rules struct {
	// Namespaces by name: the cluster's own, podview's and Kyverno's. Their
	// pods must start when podview or Kyverno cannot.
	Namespaces []string
	// PodSecurity levels that refuse hostPath volumes. A pod with one would
	// be rejected there, after the mutation. Labels are not refused.
	PodSecurity []string
	// RuntimeClasses whose pods are not left alone. The empty name is a pod
	// without runtimeClassName. Kata and gVisor have a /proc of their own.
	RuntimeClasses []string
}

// CrunClass is the RuntimeClass of that name, whose handler is crun.
const CrunClass = "crun"

// DefaultRules are the rules of the shipped policies.
func DefaultRules() Rules {
	return Rules{
		Namespaces:     []string{"kube-system", "kube-public", "kube-node-lease", "podview-system", "kyverno"},
		PodSecurity:    []string{"baseline", "restricted"},
		RuntimeClasses: []string{"", CrunClass},
	}
}

// PressureRules are DefaultRules, of crun's pods only: which runtime a pod
// without runtimeClassName gets is the node's to say, and runc would not start
// it.
func PressureRules() Rules {
	r := DefaultRules()
	r.RuntimeClasses = []string{CrunClass}
	return r
}
