// Package e2e holds the end-to-end tests: the built programs (PANOPTES_BIN), against the embedded broker or the one named
// by PANOPTES_TEST_BROKERS. They carry the build tag e2e; make test-e2e builds what they need and runs them. The tests of
// the files in deploy need no program and carry no tag.
package e2e
