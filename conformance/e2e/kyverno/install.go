package kyverno

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// object is what matters here of a Kubernetes object.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Template struct {
			Spec struct {
				ServiceAccountName string
				Containers         []container
			}
		}
	}
}

type container struct {
	Args []string
	Env  []struct {
		Name, Value string
		ValueFrom   struct{ FieldRef struct{ FieldPath string } }
	}
}

// install is Kyverno's installation manifest without its Deployments: their
// containers run as processes.
type install struct {
	manifest    []byte
	controllers map[string]controller // by the Deployment's name
}

// controller is what a Deployment would start.
type controller struct {
	serviceAccount string
	args, env      []string
}

func parseInstall(text []byte) (install, error) {
	parsed := install{controllers: map[string]controller{}}
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(document, &o); err != nil {
			return install{}, fmt.Errorf("document %d: %w", i, err)
		}
		if o.Kind != "Deployment" {
			parsed.manifest = append(append(parsed.manifest, document...), "\n---\n"...)
			continue
		}
		c, err := parseController(o)
		if err != nil {
			return install{}, fmt.Errorf("deployment %s: %w", o.Metadata.Name, err)
		}
		parsed.controllers[o.Metadata.Name] = c
	}
	return parsed, nil
}

func parseController(o object) (controller, error) {
	pod := o.Spec.Template.Spec
	if len(pod.Containers) != 1 || pod.ServiceAccountName == "" {
		return controller{}, fmt.Errorf("%d containers, service account %q", len(pod.Containers), pod.ServiceAccountName)
	}
	c := controller{serviceAccount: pod.ServiceAccountName, args: pod.Containers[0].Args}
	fields := map[string]string{"": "", "metadata.namespace": o.Metadata.Namespace, "metadata.name": o.Metadata.Name + "-process"}
	for _, e := range pod.Containers[0].Env {
		field, known := fields[e.ValueFrom.FieldRef.FieldPath]
		if !known {
			return controller{}, fmt.Errorf("env %s: field %s", e.Name, e.ValueFrom.FieldRef.FieldPath)
		}
		c.env = append(c.env, e.Name+"="+e.Value+field)
	}
	return c, nil
}

// flag is the value of --name=value among a controller's arguments.
func (c controller) flag(name string) string {
	for _, arg := range c.args {
		if value, found := strings.CutPrefix(arg, "--"+name+"="); found {
			return value
		}
	}
	return ""
}
