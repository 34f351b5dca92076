/** The command line of the scan server: what may be scanned, how it is served, where its state is kept. */
import { JobStore } from "@holdfast/jobs/JobStore"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import { bearerTokens } from "@holdfast/server/Authenticator"
import * as StdioHost from "@holdfast/server/StdioHost"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Baseline from "./Baseline.ts"
import * as FingerprintKey from "./FingerprintKey.ts"
import * as ServerOf from "./internal/sdk/scanServer.ts"
import * as ScanJob from "./ScanJob.ts"
import * as Scanner from "./Scanner.ts"
import * as ScanRules from "./ScanRules.ts"

const flags = {
  root: Flag.String("root").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("A folder that may be scanned; may be said several times. Default: the working directory"),
    Flag.between(0, 100)
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("The port to serve Streamable HTTP on, at /mcp. 0: any that is free"),
    Flag.filter((port) => port >= 0 && port <= 65_535, () => "a port from 0 to 65535"),
    Flag.withDefault(8080)
  ),
  host: Flag.String("host").pipe(
    Flag.withMetavar("address"),
    Flag.withDescription(
      "The address to listen on. Another than this machine's own wants tokens: HOLDFAST_SCAN_TOKENS=name:token,name:token"
    ),
    Flag.withDefault("127.0.0.1")
  ),
  allowedHost: Flag.String("allowed-host").pipe(
    Flag.withMetavar("name"),
    Flag.withDescription("A name by which clients of other machines reach it; may be said several times"),
    Flag.between(0, 100)
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
    Flag.withDescription(
      "Where scans are kept, unless HOLDFAST_JOBS_URL says a Postgres. Default: holdfast-scans.db in the working directory"
    ),
    Flag.withDefault("holdfast-scans.db")
  ),
  rules: Flag.String("rules").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Rules and allow lists of your own: JSON, or a configuration of gitleaks (.toml)"),
    Flag.optional
  ),
  baseline: Flag.String("baseline").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Findings that are known, and not told again; made by holdfast-scan --write-baseline"),
    Flag.optional
  ),
  key: Flag.String("key").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("The key of fingerprints; made if it is not there. Default: the database's name and .key"),
    Flag.optional
  ),
  admin: Flag.Int("admin").pipe(
    Flag.withMetavar("port"),
    Flag.withDescription(
      "Serve operators on this machine, too: a page at /dashboard with sessions and scans, and metrics. 0: any port that is free"
    ),
    Flag.filter((port) => port >= 0 && port <= 65_535, () => "a port from 0 to 65535"),
    Flag.optional
  ),
  jsonLogs: Flag.Boolean("json-logs").pipe(
    Flag.withDescription("Log lines of JSON, for collectors"),
    Flag.withDefault(false)
  ),
  threads: Flag.Int("threads").pipe(
    Flag.withDescription("Threads that scan, 1 to 64. Default: 2"),
    Flag.filter((threads) => threads >= 1 && threads <= 64, () => "from 1 to 64 threads"),
    Flag.withDefault(2)
  )
}

/** The server does not serve, for a reason that was told: the process has nothing to add to it. */
class NotServing extends Data.TaggedError("NotServing")<{ readonly reason: { readonly message: string } }> {
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return this.reason.message
  }
}

/** One sentence, on stderr: to people as it is, to collectors as one of their lines. */
const tell = (reason: { readonly message: string }, isJson: boolean) =>
  Effect.andThen(
    isJson ? Effect.logError(reason.message) : Console.error(`holdfast-scan-server: ${reason.message}`),
    Effect.fail(new NotServing({ reason }))
  )

const openToStrangers = (host: string) => ({
  message:
    `listening on ${host} would serve other machines without asking for a token; set HOLDFAST_SCAN_TOKENS=name:token, or leave out --host`
})

/** The command. */
export const command = (version: string) =>
  CliCommand.make(
    "holdfast-scan-server",
    flags,
    (
      {
        admin,
        allowedHost,
        baseline,
        database,
        host,
        jsonLogs,
        key: keyFile,
        port,
        root,
        rules: file,
        sse,
        stdio,
        threads
      }
    ) =>
      Effect.gen(function*() {
        const roots = root.length === 0 ? ["."] : root
        const rules = yield* ScanRules.load(Option.getOrUndefined(file))
        const runner = Layer.unwrap(Effect.gen(function*() {
          // A database that cannot be used is told of before a key is made beside it.
          yield* JobStore
          const key = yield* FingerprintKey.load(Option.getOrElse(keyFile, () => `${database}.key`))
          const known = Option.isNone(baseline) ? new Set<string>() : yield* Baseline.load(baseline.value, key)
          return Layer.provide(ScanJob.layer(known), Scanner.layer({ roots, rules, threads, key }))
        }))
        const url = yield* Config.option(Config.Redacted("HOLDFAST_JOBS_URL"))
        const store = Option.isSome(url)
          ? PostgresStore.layer({ url: url.value })
          : SqliteStore.layer(database)
        const scans = Layer.provide(runner, store)
        const server = ServerOf.make(version, ScanRules.described(rules))
        // Its servers remember nothing: whatever lasts is a job.
        const stateless = { keep: 16 }
        if (stdio) return yield* Effect.asVoid(Effect.provide(StdioHost.run({ server, stateless }), scans))
        const { serveHttp } = yield* Effect.promise(() => import("./internal/serveHttp.ts"))
        const tokens = yield* Config.option(Config.Redacted("HOLDFAST_SCAN_TOKENS"))
        const auth = Option.isSome(tokens) ? yield* bearerTokens(Config.succeed(tokens.value)) : undefined
        const http = { server, host, allowedHosts: allowedHost, port, auth, legacySse: sse, stateless }
        return yield* Effect.provide(serveHttp(http, roots, Option.getOrUndefined(admin)), scans)
      }).pipe(
        Effect.catchReason("McpServerError", "UnsafeBind", ({ host }) => Effect.fail(openToStrangers(host))),
        Effect.catch((error) => tell(error, jsonLogs)),
        Effect.provide(jsonLogs ? StdioHost.layerJsonLogger : Layer.empty)
      )
  ).pipe(
    CliCommand.withDescription("An MCP server that scans folders for secrets; its scans outlive clients and restarts")
  )
