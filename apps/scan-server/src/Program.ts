/** The command line of the scan server: what may be scanned, how it is served, where its state is kept. */
import { JobStore } from "@holdfast/jobs"
import * as McpHost from "@holdfast/server/McpHost"
import * as StdioHost from "@holdfast/server/StdioHost"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ServerOf from "./internal/sdk/scanServer.ts"
import { ScanLive } from "./ScanJob.ts"
import * as Scanner from "./Scanner.ts"
import * as ScanRules from "./ScanRules.ts"

const flags = {
  root: Flag.String("root").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("A folder that may be scanned; may be said several times. Default: the working directory"),
    Flag.between(0, 100)
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("The port to serve Streamable HTTP on, at /mcp, for this machine. 0: any that is free"),
    Flag.withDefault(8080)
  ),
  sse: Flag.Boolean("sse").pipe(
    Flag.withDescription("Serve the deprecated HTTP+SSE too, at /sse"),
    Flag.withDefault(false)
  ),
  stdio: Flag.Boolean("stdio").pipe(
    Flag.withDescription("Serve stdin and stdout instead of a port"),
    Flag.withDefault(false)
  ),
  database: Flag.String("database").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Where scans are kept. Default: holdfast-scans.db in the working directory"),
    Flag.withDefault("holdfast-scans.db")
  ),
  rules: Flag.String("rules").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("A JSON file with rules of your own"),
    Flag.optional
  ),
  jsonLogs: Flag.Boolean("json-logs").pipe(
    Flag.withDescription("Log lines of JSON, for collectors"),
    Flag.withDefault(false)
  ),
  threads: Flag.Int("threads").pipe(
    Flag.withDescription("Threads that scan. Default: 2"),
    Flag.withDefault(2)
  )
}

/** The command. */
export const command = (version: string) =>
  CliCommand.make(
    "holdfast-scan-server",
    flags,
    ({ database, jsonLogs, port, root, rules: file, sse, stdio, threads }) =>
      Effect.gen(function*() {
        const roots = root.length === 0 ? ["."] : root
        const rules = yield* ScanRules.load(Option.getOrUndefined(file))
        const scans = ScanLive.pipe(
          Layer.provide(Scanner.layer({ roots, rules, threads })),
          Layer.provide(JobStore.layerSqlite(database))
        )
        const server = ServerOf.make(version, rules)
        if (stdio) return yield* Effect.asVoid(Effect.provide(StdioHost.run({ server }), scans))
        // Its servers remember nothing: whatever lasts is a job.
        const host = McpHost.layerHttp({ server, port, legacySse: sse, stateless: { keep: 16 } })
        return yield* Effect.provide(
          Effect.gen(function*() {
            const { address } = yield* HttpServer.HttpServer
            yield* Effect.logInfo(
              `scanning ${roots.join(", ")} for http://127.0.0.1:${"port" in address ? address.port : port}/mcp`
            )
            return yield* Effect.never
          }),
          Layer.provide(host, scans)
        )
      }).pipe(Effect.provide(jsonLogs ? McpHost.layerJsonLogger : Layer.empty))
  ).pipe(
    CliCommand.withDescription("An MCP server that scans folders for secrets; its scans outlive clients and restarts")
  )
