//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

const badPluginHead = `
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

import os, time  # after the star, which brings a time of its own

class Bad(PanoptesPollingPlugin):
    def run(self, context):
`

// TestBadInput gives one Collector everything that can be wrong with its input, beside one good plugin and one good
// resource file. Each fault has its message, and the good plugin goes on through all of them.
func TestBadInput(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	p.plugin(t, "counting", conf("counting", "0.1", ""), countingPlugin)
	write(t, filepath.Join(p.dir, "resources/broken.json"), "[\n  {\"resource_site\": \"x\",\n  oops\n]")

	file := func(name, content string) {
		write(t, filepath.Join(p.dir, "plugins", name+".panoptes-plugin"), content)
	}
	file("noname", strings.Replace(conf("noname", "0.1", ""), "Name = noname\n", "", 1))
	file("nomodule", strings.Replace(conf("nomodule", "0.1", ""), "Module = nomodule\n", "", 1))
	// Whether it needs a filter is known once its module is loaded.
	p.plugin(t, "nofilter", strings.Replace(conf("nofilter", "0.1", ""), `resource_filter = resource_class = "system"`, "", 1),
		badPluginHead+"        return None\n")
	file("badfilter", strings.Replace(conf("badfilter", "0.1", ""), `resource_class = "system"`, `resource_class == "system"`, 1))
	file("nogo", strings.Replace(conf("nogo", "0.1", ""), "Module = nogo", "Module = go:nogo", 1))
	for name, body := range map[string]string{
		"syntaxerror": "        return (\n",
		"raising":     "        raise ValueError('boom at the device')\n",
		"listing":     "        return [1]\n",
		"printing":    "        print('{\"jsonrpc\": \"2.0\", \"id\": 1}')\n        print('words on stdout')\n        return PanoptesMetricsGroupSet()\n",
		"sleeping":    "        time.sleep(3600)\n",
		"exiting":     "        os._exit(7)\n",
	} {
		p.plugin(t, name, conf(name, "0.1", ""), badPluginHead+body)
	}
	p.start(t)

	for what, texts := range map[string][]string{
		"a resources file that is no JSON":   {"broken.json", "line 3, column 3"},
		"a plugin file without Name":         {"noname.panoptes-plugin", "Name"},
		"a plugin file without Module":       {"nomodule.panoptes-plugin", "Module"},
		"a plugin file without a filter":     {"nofilter.panoptes-plugin", "resource_filter"},
		"a filter that does not parse":       {"badfilter.panoptes-plugin", "column 16"},
		"a Go plugin that nobody offers":     {"nogo.panoptes-plugin", "go:nogo", "service::extensions"},
		"a module with a syntax error":       {"syntaxerror", "SyntaxError"},
		"a plugin that raises":               {"raising", "boom at the device"},
		"a plugin that returns a list":       {"listing", "list"},
		"a plugin that prints":               {"printing", "words on stdout"},
		"a plugin that outstays its time":    {"sleeping", "deadline of"},
		"a plugin that ends its own process": {"exiting", "crashed"},
	} {
		waitFor(t, "a message about "+what, func() (bool, string) {
			for line := range strings.SplitSeq(p.output(), "\n") {
				if containsAll(line, texts) {
					return true, ""
				}
			}
			return false, "no line with " + strings.Join(texts, ", ")
		})
	}

	// After all of that the good plugin still runs, each second.
	c := consume(t, p.brokers, p.site+"-processed")
	groups := 0
	c.until(t, "the twelfth group of the good plugin", func(r *kgo.Record) bool {
		require.Contains(t, string(r.Value), `"metrics_group_type": "example"`)
		groups++
		return groups == 12
	})
}

func containsAll(s string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(s, text) {
			return false
		}
	}
	return true
}
