/**
 * `holdfast record`: a server in front of the real one that records what is said, or a call that is recorded.
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import type { LinkClosed } from "@holdfast/mcp/Link"
import { LinkOpener } from "@holdfast/mcp/LinkOpener"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import { isSecretName, Recorder } from "@holdfast/mcp/Recorder"
import * as Recording from "@holdfast/mcp/Recording"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import { isNativeError } from "node:util/types"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import * as RecordingFile from "../internal/recordingFile.ts"
import { note } from "../Quiet.ts"
import * as Relay from "../Relay.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { Verbatim } from "../Verbatim.ts"
import * as Call from "./call.ts"

export interface RecordInput extends Omit<Call.CallInput, "detach" | "output" | "park" | "ttl"> {
  readonly output: Option.Option<string>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: RecordInput) {
  if (Option.isNone(input.output)) {
    return yield* usage("say where to: holdfast record <server> -o recording.ndjson")
  }
  const file = input.output.value
  const served = yield* servedBy(input)
  if (served === undefined) {
    const once = { output: Option.none(), ttl: Option.none(), detach: false, park: false, direct: true }
    const call = Call.run({ ...input, ...once })
    return yield* recorded(file, false, call)
  }
  return yield* recorded(file, true, Effect.flatMap(Relay.run(served.name, served.endpoint), exitOf))
})

interface Served {
  readonly name: string
  readonly endpoint: Endpoint
}

/** The server that is to be served, alone among the words. Undefined: they are a call. */
const servedBy = Effect.fnUntraced(function*(input: RecordInput): Effect.fn.Return<
  Served | undefined,
  McpRuntimeError | CliFailure,
  Shell | FileSystem.FileSystem | Path.Path
> {
  const { words } = input
  const verbatim = yield* Verbatim
  if (verbatim !== undefined && verbatim.length === words.length) {
    const [command, ...args] = verbatim
    if (command === undefined) return yield* usage("say which command: holdfast record -o file -- <command> [args…]")
    const { directory } = yield* Shell
    return { name: command, endpoint: Endpoint.stdio({ command, args, cwd: directory, inheritEnv: true }) }
  }
  const [word, ...more] = words
  const source = yield* Source.open(input, word)
  if (more.length > 0 || source.only !== undefined && word !== undefined) return undefined
  if (word === undefined && source.only === undefined) {
    return yield* usage("say which server: holdfast record <server> -o file")
  }
  const { server, tool } = source.only !== undefined
    ? { server: source.only, tool: undefined }
    : yield* Source.split(source, word ?? "")
  if (tool !== undefined) return undefined
  const { servers, unusable } = source.config
  const endpoint = servers.get(server)?.endpoint
  const reason = unusable.get(server)
  if (reason !== undefined) return yield* new McpRuntimeError({ reason })
  return endpoint === undefined ? undefined : { name: server, endpoint }
})

/** Runs it with a recorder on all links. `isNew`: a recording that is there stays. */
const recorded = <E, R>(output: string, isNew: boolean, effect: Effect.Effect<number, E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const { directory, environment } = yield* Shell
    const file = yield* Effect.acquireRelease(
      Effect.try({
        try: () => RecordingFile.open(directory, output, isNew),
        catch: (error) =>
          new CliFailure({
            exitCode: ExitCode.usage,
            reason: "BadArguments",
            message: `-o ${output}: ${wordsOf(error)}`
          })
      }),
      ({ close }) => Effect.sync(close)
    )
    let count = 0
    let fault: string | undefined
    const opener = yield* Recorder.tap((line) => {
      if (fault !== undefined) return
      try {
        file.append(Recording.encodeLine(line))
        if ("event" in line && line.event === "message") count++
      } catch (error) {
        fault = wordsOf(error)
      }
    }, { secrets: secretsOf(environment) })
    const exitCode = yield* Effect.provideService(effect, LinkOpener, opener)
    if (fault !== undefined) {
      const message = `${file.name} is not complete: ${fault}`
      return yield* new CliFailure({ exitCode: ExitCode.outputUnwritable, reason: "OutputUnwritable", message })
    }
    yield* note(`holdfast: ${count} messages are in ${file.name}; holdfast replay ${file.name} answers as they do\n`)
    return exitCode
  }))

/** A command has the environment of the user, and the names of variables say which of them are secrets. */
const secretsOf = (environment: Shell["Service"]["environment"]): ReadonlyArray<string> =>
  Object.entries(environment).flatMap(([name, value]) => value !== undefined && isSecretName(name) ? [value] : [])

/** To the host it is as if the server itself had ended. */
const exitOf = (closed: LinkClosed | undefined) => {
  if (closed === undefined || closed._tag === "Released") return Effect.succeed<number>(ExitCode.ok)
  if (closed._tag !== "ProcessEnded") {
    return Effect.as(note(`holdfast: the server is lost: ${closed.description}\n`), ExitCode.cannotConnect)
  }
  const { code, signal, stderrTail } = closed.end
  const how = signal === null ? `exited with code ${code ?? "unknown"}` : `was killed by ${signal}`
  const words = stderrTail.trim() === "" ? "" : `; its last words: ${stderrTail.trim()}`
  return Effect.as(note(`holdfast: the server ${how}${words}\n`), code ?? ExitCode.toolError)
}

const wordsOf = (error: unknown): string =>
  isNativeError(error) && "code" in error && error.code === "ENOENT"
    ? "there is no such folder"
    : isNativeError(error)
    ? error.message
    : String(error)

const usage = (message: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message }))
