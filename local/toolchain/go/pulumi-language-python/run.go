package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	// The program's exit code when the person has been told already what was wrong.
	told = 32
	// How long an interrupted program may take to leave before it is killed.
	grace = 5 * time.Second
)

// Run runs the program in a process of its own, and waits for its end.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if request.GetAttachDebugger() {
		return nil, errors.New("this language host attaches no debugger")
	}
	_, found, err := toolchainOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	if err := found.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	running, interrupt := context.WithCancel(h.cancelled)
	defer interrupt()
	defer context.AfterFunc(ctx, interrupt)()
	command, err := found.Command(running, append([]string{h.executor}, h.arguments(request)...)...)
	if err != nil {
		return nil, err
	}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = grace
	// The engine shows what this process writes.
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	config := map[string]string{} // what is empty is nil on the wire, and would be null in JSON
	maps.Copy(config, request.GetConfig())
	values, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(append([]string{}, request.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	command.Env = append(command.Environ(), "PULUMI_CONFIG="+string(values), "PULUMI_CONFIG_SECRET_KEYS="+string(secrets))
	return response(command.Run()), nil
}

// arguments are those of pulumi-language-python-exec: its options, the program, and the program's own arguments.
func (h *host) arguments(request *pulumirpc.RunRequest) []string {
	var arguments []string
	for _, option := range [][2]string{
		{"--monitor", request.GetMonitorAddress()},
		{"--engine", h.engine},
		{"--project", request.GetProject()},
		{"--root_directory", request.GetInfo().GetRootDirectory()},
		{"--stack", request.GetStack()},
		{"--pwd", request.GetPwd()},
		{"--dry_run", strconv.FormatBool(request.GetDryRun())},
		{"--parallel", strconv.Itoa(int(request.GetParallel()))},
		{"--organization", request.GetOrganization()},
	} {
		if option[1] != "" {
			arguments = append(arguments, option[:]...)
		}
	}
	return append(append(arguments, request.GetInfo().GetEntryPoint()), request.GetArgs()...)
}

// response tells the engine how the program ended.
func response(err error) *pulumirpc.RunResponse {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{
			Error: fmt.Sprintf("problem executing program (could not run language executor): %v", err)}
	case exit.ExitCode() == told:
		return &pulumirpc.RunResponse{Bail: true}
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited with non-zero exit code: %d", exit.ExitCode())}
	}
}
