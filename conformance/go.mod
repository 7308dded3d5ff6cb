module github.com/podview/podview/conformance

go 1.26.0

require (
	github.com/podview/podview v0.0.0
	golang.org/x/sys v0.49.0
)

replace github.com/podview/podview => ../
