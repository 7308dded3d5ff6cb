package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	no := errors.New("because")
	for name, test := range map[string]struct {
		all  []diagnosis
		fit  bool
		want string
	}{
		"all":               {[]diagnosis{{"a", true, nil}, {"b", false, nil}}, true, "fit    a\nfit    b\nThe view can be served here.\n"},
		"an optional lacks": {[]diagnosis{{"a", true, nil}, {"b", false, no}}, true, "fit    a\nunfit  b: because\nThe view can be served here.\n"},
		"a needed lacks":    {[]diagnosis{{"a", true, no}, {"b", false, nil}}, false, "UNFIT  a: because\nfit    b\nThe view can't be served here.\n"},
		"a volume lacks":    {[]diagnosis{{"a", false, errNoVolume}}, true, "UNFIT  a: " + errNoVolume.Error() + "\nThe view can be served here, but not to pods with volumes for what is missing.\n"},
		"all lacks":         {[]diagnosis{{"a", true, no}, {"b", false, errNoVolume}}, false, "UNFIT  a: because\nUNFIT  b: " + errNoVolume.Error() + "\nThe view can't be served here.\n"},
	} {
		var out strings.Builder
		if fit := report(&out, test.all); fit != test.fit || out.String() != test.want {
			t.Errorf("%s: %t\n%s", name, fit, out.String())
		}
	}
}

func TestHasCapability(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tx\nCapPrm:\t0000000000200000\nCapEff:\t0000000000200000\n": true,
		"CapPrm:\t0000000000200000\nCapEff:\t00000000a80425fb\n":           false,
		"CapEff:\t000001ffffffffff\n":                                      true,
		"":                                                                 false,
	} {
		if got := hasCapability(status, capSysAdmin); got != want {
			t.Errorf("%q: %t", status, got)
		}
	}
}
