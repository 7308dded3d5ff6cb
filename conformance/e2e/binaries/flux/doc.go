// Package flux is empty: the module is for its tool.
package flux
