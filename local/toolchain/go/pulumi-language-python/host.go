package main

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// host answers the engine. Calls that it does not know are answered by "unimplemented", which the engine takes well.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	engine    string
	executor  string
	cancelled context.Context
	cancel    context.CancelFunc
}

// toolchainOf reads the options below `runtime` in Pulumi.yaml.
func toolchainOf(info *pulumirpc.ProgramInfo) (toolchain.PythonOptions, toolchain.Toolchain, error) {
	options := toolchain.PythonOptions{Root: info.GetRootDirectory(), ProgramDir: info.GetProgramDirectory()}
	for name, given := range info.GetOptions().AsMap() {
		text, ok := given.(string)
		switch {
		case name != "virtualenv" && name != "toolchain" && name != "typechecker":
			continue // the official host has no words for other names either
		case !ok:
			return options, nil, fmt.Errorf("%s option must be a string", name)
		case name == "virtualenv":
			options.Virtualenv = text
		case name == "typechecker":
			return options, nil, fmt.Errorf(
				"typechecker option: this language host checks no types; take it out of Pulumi.yaml and run %s before pulumi", text)
		case text == "pip":
			options.Toolchain = toolchain.Pip
		case text == "poetry":
			options.Toolchain = toolchain.Poetry
		case text == "uv":
			options.Toolchain = toolchain.Uv
		default:
			return options, nil, fmt.Errorf("unsupported toolchain option: %s", text)
		}
	}
	found, err := toolchain.ResolveToolchain(options)
	return options, found, err
}

// GetPluginInfo tells which release of Pulumi this belongs to.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

// Cancel interrupts the program that runs.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

// About tells which Python runs the program.
func (h *host) About(ctx context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	options, found, err := toolchainOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	about, err := found.About(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: about.PythonExecutable,
		Version:    about.PythonVersion.String(),
		Metadata: map[string]string{
			"toolchain":        toolchain.Name(options.Toolchain),
			"toolchainVersion": about.ToolchainVersion.String(),
			"typechecker":      toolchain.TypeCheckerName(options.Typechecker),
		},
	}, nil
}

// GetProgramDependencies lists the packages that the program may import.
func (h *host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	_, found, err := toolchainOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	packages, err := found.ListPackages(ctx, request.GetTransitiveDependencies())
	if err != nil {
		return nil, fmt.Errorf("failed to get python dependencies: %w", err)
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, each := range packages {
		response.Dependencies = append(
			response.Dependencies, &pulumirpc.DependencyInfo{Name: each.Name, Version: each.Version})
	}
	return response, nil
}

// InstallDependencies makes the virtual environment and fills it: `pulumi install`.
func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, answer pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	if request.GetIsPlugin() {
		return status.Error(codes.Unimplemented, "this language host runs no plugins written in Python")
	}
	_, found, err := toolchainOf(request.GetInfo())
	if err != nil {
		return err
	}
	streams, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(answer, request.GetIsTerminal())
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, "Installing dependencies...\n\n")
	err = found.InstallDependencies(
		answer.Context(), request.GetInfo().GetProgramDirectory(), request.GetUseLanguageVersionTools(), true, stdout, stderr)
	if err == nil {
		fmt.Fprint(stdout, "Finished installing dependencies\n\n")
	}
	if closing := streams.Close(); err == nil {
		err = closing
	}
	return err
}
