// Package kyverno is empty: the module is for its tools.
package kyverno
