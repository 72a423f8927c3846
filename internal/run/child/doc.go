// Package child starts and ends the processes that run plugins.
//
// A child leads a process group of its own (on Windows: a job), so that it can be ended with all that it started. It
// gets a reduced environment, pipes for stdin and stdout, and has its stderr read line by line. It does not outlive
// us: where the system can it is killed with its parent (Linux), everywhere else it sees the end of its stdin.
package child
