/**
 * `holdfast batch`: many calls, a line of JSON each on stdin, and a line of JSON for each result on stdout, in the order in which they finish.
 *
 * Promises
 * - A line is read when there is a place for its call: what is not read stays in the pipe, and a result that is not taken holds up what comes after it.
 * - A line that cannot be read costs that line. It has a result as any other.
 * - A reader that goes away ends the batch, and so does Ctrl-C: what runs is cancelled at its server, and nothing else is begun.
 */
import * as ExactJson from "@holdfast/daemon/ExactJson"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { isNativeError } from "node:util/types"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { findTool } from "../FindTool.ts"
import { note, Quiet } from "../Quiet.ts"
import * as Report from "../Report.ts"
import * as ServerWord from "../ServerWord.ts"
import { Shell, StdinUnreadable } from "../Shell.ts"
import * as Source from "../Source.ts"
import { eraseLine } from "../Style.ts"
import * as ToolArguments from "../ToolArguments.ts"
import { unwritten } from "../WriteResult.ts"

export interface BatchInput extends Source.SourceInput {
  /** How many calls run at once. */
  readonly jobs: number
  /** For each call. */
  readonly deadline: Option.Option<Duration.Duration>
  readonly idempotent: boolean
  readonly unchecked: boolean
}

/** A line of stdin. */
type Line = { readonly number: number; readonly text: string } | { readonly number: number; readonly fault: string }

/** One call, as its line says. */
interface Asked {
  readonly id: unknown
  readonly server: string
  readonly tool: string
  readonly values: object
}

interface Counts {
  ok: number
  failed: number
  running: number
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: BatchInput) {
  const source = yield* Source.open(input)
  return yield* Effect.catch(batch(input, source), (error) => Report.ending(error, input.json)).pipe(
    Effect.provide(Source.layer(input, source, {
      // Offered as for a call, so that both have one process.
      handlers: { elicitation: () => Effect.succeed({ action: "cancel" }), elicitationModes: ["form", "url"] }
    }))
  )
})

const batch = Effect.fnUntraced(function*(input: BatchInput, source: Source.Source) {
  const shell = yield* Shell
  const mcp = yield* McpConnections
  const counts: Counts = { ok: 0, failed: 0, running: 0 }
  const used = new Set<string>()
  const processes = new Set<string>()
  yield* Effect.forkScoped(
    Stream.runForEach(mcp.events, (event) =>
      Effect.sync(() => {
        if (event._tag === "ConnectionMoved" && event.to === "Open") {
          processes.add(`${event.fingerprint} ${event.connection}`)
        }
      })),
    { startImmediately: true }
  )
  const prepared = prepare(input, mcp)
  const oneByOne = yield* Semaphore.make(1)
  const isOver = yield* Deferred.make<void, CliFailure>()
  const write = (result: object): Effect.Effect<void> =>
    oneByOne.withPermits(1)(shell.stdout.write(`${JSON.stringify(result)}\n`)).pipe(
      Effect.matchEffect({
        onFailure: ({ message }) => Deferred.fail(isOver, unwritten("a result cannot be written", message)),
        onSuccess: () => shell.stdout.hasReader() ? Effect.void : Deferred.succeed(isOver, undefined)
      }),
      Effect.asVoid
    )
  const perform = (line: Line): Effect.Effect<void, never, Shell> => {
    const asked = understand(line, source)
    if (Result.isFailure(asked)) {
      counts.failed++
      return write({
        id: asked.failure.id,
        line: line.number,
        error: Report.errorJson("BadLine", asked.failure.message)
      })
    }
    const { id, server, tool } = asked.success
    counts.running++
    used.add(server)
    return prepared(asked.success).pipe(
      Effect.match({
        onFailure: (error) => {
          counts.running--
          counts.failed++
          return { id, line: line.number, server, tool, error: Report.toJson(error) }
        },
        onSuccess: (result) => {
          counts.running--
          counts[result.isError === true ? "failed" : "ok"]++
          return { id, line: line.number, server, tool, result }
        }
      }),
      Effect.flatMap(write)
    )
  }
  const showing = yield* progress(counts)
  const all = Stream.runForEach(
    Stream.mapEffect(lines(shell), perform, { concurrency: input.jobs, unordered: true }),
    () => Effect.void
  )
  const summary = Effect.suspend(() => {
    const { failed, ok, running } = counts
    const isHttp = [...used].every((name) => source.config.servers.get(name)?.endpoint._tag !== "Stdio")
    const count = processes.size
    const what = isHttp && used.size > 0
      ? count === 1 ? "connection" : "connections"
      : count === 1
      ? "process"
      : "processes"
    const cancelled = running > 0 ? `, ${running} cancelled` : ""
    return Effect.andThen(showing.end, note(`${ok} ok, ${failed} failed${cancelled}, ${count} ${what}\n`))
  })
  yield* Effect.raceFirst(all, Deferred.await(isOver)).pipe(
    Effect.mapError((error) => error._tag === "StdinUnreadable" ? unreadable(error) : error),
    Effect.ensuring(summary)
  )
  return counts.failed === 0 ? ExitCode.ok : ExitCode.toolError
}, Effect.scoped)

const unreadable = ({ message }: StdinUnreadable): CliFailure =>
  new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message })

/** The lines of stdin, each taken when it is wanted. */
const lines = ({ stdinChunks }: Shell["Service"]): Stream.Stream<Line, StdinUnreadable> =>
  Stream.suspend(() => {
    let number = 0
    let found: Array<Line> = []
    const take = (): ReadonlyArray<Line> => {
      const taken = found
      found = []
      return taken
    }
    const framing = LineFraming.make({
      onLine: (text) => void found.push({ number: ++number, text }),
      onFault: ({ _tag, head }) => {
        // The last line needs no end.
        if (_tag === "Unfinished") found.push({ number: ++number, text: head })
        else {found.push({
            number: ++number,
            fault: _tag === "TooLong" ? "the line is too long" : "the line is no UTF-8"
          })}
      }
    })
    return Stream.fromAsyncIterable(
      stdinChunks,
      (error) =>
        new StdinUnreadable({
          message: `cannot read standard input: ${isNativeError(error) ? error.message : String(error)}`
        })
    ).pipe(
      Stream.map((chunk) => {
        framing.push(Buffer.from(chunk))
        return take()
      }),
      Stream.concat(Stream.sync(() => {
        framing.end()
        return take()
      })),
      Stream.flattenIterable
    )
  })

const understand = (
  line: Line,
  source: Source.Source
): Result.Result<Asked, { readonly id: unknown; readonly message: string }> => {
  if ("fault" in line) return Result.fail({ id: null, message: line.fault })
  const read = Result.try({
    try: () => ExactJson.parse(line.text),
    catch: (error) => isNativeError(error) ? error.message : String(error)
  })
  if (Result.isFailure(read)) return Result.fail({ id: null, message: `the line is no JSON: ${read.failure}` })
  if (!isMembers(read.success)) return Result.fail({ id: null, message: "the line is no JSON object" })
  const { arguments: values = {}, id = null, server, tool } = read.success
  const fail = (message: string) => Result.fail({ id, message })
  if (typeof tool !== "string" || tool === "") return fail("tool: a text is missing")
  if (server !== undefined && typeof server !== "string") return fail("server: it is no text")
  if (!isMembers(values)) return fail("arguments: they are no object")
  if (source.only !== undefined) return Result.succeed({ id, server: source.only, tool, values })
  if (server !== undefined) return Result.succeed({ id, server, tool, values })
  const meant = ServerWord.split(tool, source.config)
  if (Result.isFailure(meant)) return fail(meant.failure.message)
  return meant.success.tool === undefined
    ? fail("tool: it names a server only")
    : Result.succeed({ id, server: meant.success.server, tool: meant.success.tool, values })
}

/** Calls, for which each server is asked for its tools once, and each schema is compiled once. */
const prepare = ({ deadline, idempotent, unchecked }: BatchInput, mcp: McpConnections["Service"]) => {
  const tools = new Map<string, Effect.Effect<ReadonlyArray<Messages.Tool>, McpRuntimeError>>()
  const limit = Option.getOrUndefined(deadline)
  const toolsOf = Effect.fnUntraced(function*(server: string) {
    const own = yield* Effect.cached(mcp.listTools(server, { deadline: limit }))
    const asked = tools.get(server) ?? own
    tools.set(server, asked)
    // A server that could not be asked is asked again by the next call.
    return yield* Effect.tapError(asked, () => Effect.sync(() => tools.get(server) === asked && tools.delete(server)))
  })
  const { judge } = ToolArguments.judging()
  const judged = Effect.fnUntraced(function*({ server, tool: name, values }: Asked) {
    if (unchecked) return
    const tool = yield* findTool(server, name, yield* toolsOf(server))
    yield* judge(`${server}.${name}`, ModelView.schemaOf(tool), values)
  })
  return Effect.fnUntraced(function*(asked: Asked) {
    const [spent] = yield* Effect.timed(judged(asked))
    return yield* mcp.callTool(asked.server, { name: asked.tool, arguments: { ...asked.values } }, {
      deadline: limit && Duration.max(Duration.subtract(limit, spent), Duration.millis(1)),
      idempotent: idempotent || unchecked ? idempotent : undefined
    })
  })
}

/** On a terminal, a line that says how far it is. */
const progress = Effect.fnUntraced(function*(counts: Counts) {
  const { stderr, stdout } = yield* Shell
  // What is printed there would meet it.
  if (!stderr.isTerminal || stdout.isTerminal || (yield* Quiet)) return { end: Effect.void }
  const show = Effect.suspend(() => {
    const { failed, ok, running } = counts
    return stderr.write(`${eraseLine}${ok} ok, ${failed} failed, ${running} running`)
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("1 second"), show)))
  return { end: stderr.write(eraseLine) }
})

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ExactJson.isRaw(value)
