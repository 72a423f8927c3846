// Package groupconfig has the settings that components share which make metrics groups of whatever metrics they get.
package groupconfig
