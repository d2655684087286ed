package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// findPluginFiles prints, for each package named on its command line that has one, the path of its pulumi-plugin.json.
const findPluginFiles = `
import json, sys
from importlib import metadata, util
from pathlib import Path

found = {}
for package in sys.argv[1:]:
    try:
        spec = util.find_spec(metadata.metadata(package)["Name"].replace("-", "_"))
    except Exception:  # not every package is named after its module
        continue
    for folder in spec.submodule_search_locations or () if spec else ():
        if (file := Path(folder, "pulumi-plugin.json")).is_file():
            found.setdefault(package, str(file))
print(json.dumps(found))
`

// GetRequiredPackages tells which plugins the program may need: those of the packages in its virtual environment. The engine
// asks before every update, and a virtual environment that does not exist is made then.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	_, found, err := toolchainOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(
		h.engine, grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	engine := pulumirpc.NewEngineClient(connection)
	stream := rand.Int31()
	stdout := &progress{ctx, engine, stream, pulumirpc.LogSeverity_INFO}
	stderr := &progress{ctx, engine, stream, pulumirpc.LogSeverity_ERROR}
	if err := found.EnsureVenv(ctx, request.GetInfo().GetProgramDirectory(), false, true, stdout, stderr); err != nil {
		return nil, err
	}
	packages, err := found.ListPackages(ctx, true)
	if err != nil {
		return nil, err
	}
	files, err := pluginFiles(ctx, found, packages)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, each := range packages {
		needed, err := pluginOf(each, files[each.Name])
		if err != nil {
			return nil, err
		}
		if needed != nil {
			response.Packages = append(response.Packages, needed)
		}
	}
	return response, nil
}

func pluginFiles(
	ctx context.Context, found toolchain.Toolchain, packages []plugin.DependencyInfo,
) (map[string]string, error) {
	arguments := []string{"-c", findPluginFiles}
	for _, each := range packages {
		arguments = append(arguments, each.Name)
	}
	command, err := found.Command(ctx, arguments...)
	if err != nil {
		return nil, err
	}
	printed, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("looking for pulumi-plugin.json with %s: %w", command.Path, err)
	}
	files := map[string]string{}
	return files, json.Unmarshal(printed, &files)
}

// pluginOf tells the plugin of a package, or nil: it has none, or none whose version can be told.
func pluginOf(info plugin.DependencyInfo, file string) (*pulumirpc.PackageDependency, error) {
	about := &plugin.PulumiPluginJSON{Resource: strings.HasPrefix(info.Name, "pulumi-")}
	if info.Name == "pulumi-policy" || info.Name == "pulumi-esc-sdk" {
		return nil, nil // they are called so, and have none
	}
	if file != "" {
		var err error
		if about, err = plugin.LoadPulumiPluginJSON(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if !about.Resource {
		return nil, nil
	}
	if about.Name == "" {
		about.Name = strings.TrimPrefix(info.Name, "pulumi-")
	}
	if about.Version == "" {
		about.Version = info.Version
		if _, err := semver.ParseTolerant(about.Version); err != nil {
			return nil, nil
		}
	}
	return &pulumirpc.PackageDependency{
		Name:             about.Name,
		Version:          "v" + strings.TrimPrefix(about.Version, "v"),
		Kind:             "resource",
		Server:           about.Server,
		Parameterization: parameterization(about.Parameterization),
		Extension:        parameterization(about.ExtensionParameterization),
	}, nil
}

func parameterization(given *plugin.PulumiParameterizationJSON) *pulumirpc.PackageParameterization {
	if given == nil {
		return nil
	}
	return &pulumirpc.PackageParameterization{Name: given.Name, Version: given.Version, Value: given.Value}
}

// progress shows what is written to it beside the engine's own progress, as long as that lasts.
type progress struct {
	ctx      context.Context
	engine   pulumirpc.EngineClient
	stream   int32
	severity pulumirpc.LogSeverity
}

func (p *progress) Write(text []byte) (int, error) {
	_, err := p.engine.Log(p.ctx, &pulumirpc.LogRequest{
		Severity: p.severity, Message: strings.ToValidUTF8(string(text), "\uFFFD"), StreamId: p.stream, Ephemeral: true,
	})
	if err != nil {
		return 0, err
	}
	return len(text), nil
}
