// Package kubectl is empty: the module is for its tool.
package kubectl
