// Package kyverno runs the Kyverno CLI on the generated policies.
package kyverno
