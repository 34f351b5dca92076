/**
 * What the daemon tells of servers besides its status: resources, and streams of what happens.
 *
 * A daemon of an older version does not know them: that is a failure that says so.
 */
import * as Contract from "@holdfast/daemon/ControlContract"
import * as DaemonClient from "@holdfast/daemon/DaemonClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { askingDaemon } from "./AskingDaemon.ts"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"

/** The tries and the sharing of a server, by its name or the number of one of its processes. */
export const history = (server: string): Effect.Effect<Contract.History, CliFailure> =>
  read(Contract.uris.historyOf(server), Contract.History)

/** What a server has written to stderr, as far as the daemon still knows. */
export const serverLog = (server: string): Effect.Effect<Contract.ServerLog, CliFailure> =>
  read(Contract.uris.logOf(server), Contract.ServerLog)

/** The last lines of the daemon's own log. */
export const daemonLog: Effect.Effect<ReadonlyArray<string>, CliFailure> = Effect.map(
  Effect.suspend(() => resource(Contract.uris.log)),
  (text) => text.split("\n").filter((line) => line !== "")
)

/** What has happened, as far as the daemon still knows. */
export const pastEvents: Effect.Effect<Contract.Events, CliFailure> = Effect.suspend(() =>
  read(Contract.uris.events, Contract.Events)
)

/** What the daemon was like in the last hour, as the page's charts have it. */
export const samples: Effect.Effect<ReadonlyArray<Sample>, CliFailure> = Effect.map(
  Effect.suspend(() => read(Contract.uris.samples, Contract.Samples)),
  ({ samples }) =>
    samples.map(({ at, memory, ownMemory, ...values }) => ({
      at,
      values: {
        ...values,
        ...(memory === undefined ? {} : { memory }),
        ...(ownMemory === undefined ? {} : { ownMemory })
      }
    }))
)

/** A sample, by the names of its values. */
export interface Sample {
  readonly at: number
  readonly values: Readonly<Record<string, number>>
}

/** What happens from now on, or `after` the event of this number. Ends with the daemon. */
export const events = (after?: number): Stream.Stream<Contract.Event, CliFailure> =>
  Stream.mapEffect(follow({ what: "events", after }), decoded(Contract.Event))

/** Each line that a server writes to stderr from now on, or after that of this number. Ends with the daemon. */
export const serverLines = (server: string, after?: number): Stream.Stream<Contract.LogLine, CliFailure> =>
  Stream.mapEffect(follow({ what: "log", server, after }), decoded(Contract.LogLine))

/** Each line of the daemon's own log from now on. Ends with the daemon. */
export const daemonLines = (after?: number): Stream.Stream<string, CliFailure> => follow({ what: "log", after })

const read = <A>(uri: string, schema: Schema.Codec<A>): Effect.Effect<A, CliFailure> =>
  Effect.flatMap(resource(uri), decoded(schema))

const decoded = <A>(schema: Schema.Codec<A>) => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
  return (text: string): Effect.Effect<A, CliFailure> =>
    Effect.mapError(Effect.fromOption(decode(text)), () => notUnderstood(text))
}

const resource = (uri: string): Effect.Effect<string, CliFailure> =>
  exchange("resources/read", { uri }).pipe(
    Stream.runHead,
    Effect.flatMap((answer) => {
      const { contents: [first] } = Option.getOrElse(answer, () => nothing)
      return first === undefined ? Effect.fail(gone) : Effect.succeed(first)
    })
  )

const follow = (what: Contract.Follow): Stream.Stream<string, CliFailure> =>
  exchange("tools/call", { name: "follow", arguments: what }).pipe(
    Stream.map(({ progress }) => progress),
    Stream.filter((progress) => progress !== undefined)
  )

/** One message of the daemon, as far as it matters here. */
interface Message {
  /** The texts of a resource. */
  readonly contents: ReadonlyArray<string>
  /** The item of a stream. */
  readonly progress?: string | undefined
}

const nothing: Message = { contents: [] }

/** Asks one thing, and gives every message that follows, until the answer or the end of the daemon. */
const exchange = (method: string, params: object): Stream.Stream<Message, CliFailure> =>
  Stream.callback<Message, CliFailure>((queue) =>
    Effect.gen(function*() {
      const { socket } = yield* Effect.acquireRelease(
        askingDaemon(() => DaemonClient.connect({ wants: { daemon: true }, program: "holdfast", start: false })),
        ({ socket }) => Effect.sync(() => socket.destroy())
      )
      let rest = ""
      const fail = (failure: CliFailure): void => void Queue.failCauseUnsafe(queue, Cause.fail(failure))
      const onLine = (line: string): void => {
        const message = decodeMessage(line)
        if (Option.isNone(message)) return fail(notUnderstood(line))
        const { error, params, result } = message.value
        if (error !== undefined) {
          // Every other one says that the daemon is about to end.
          return refusals.has(error.code ?? 0) ? fail(refused(error)) : void Queue.endUnsafe(queue)
        }
        if (result?.isError === true) {
          return fail(refused({ message: result.content?.[0]?.text ?? "it does not say why" }))
        }
        const contents = (result?.contents ?? []).map(({ text }) => text)
        Queue.offerUnsafe(queue, { contents, progress: params?.message })
        if (result !== undefined) Queue.endUnsafe(queue)
      }
      socket.setEncoding("utf8")
      socket.on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) onLine(line)
      })
      socket.once("close", () => Queue.endUnsafe(queue))
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: meta } })}\n`)
      socket.resume()
    })
  )

/** As `DaemonControl` asks, and with a token: without one nothing would be reported. */
const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "holdfast", version: "0" },
  "io.modelcontextprotocol/clientCapabilities": {},
  progressToken: 1
}

const Text = Schema.Struct({ text: Schema.String })
const RpcError = Schema.Struct({ message: Schema.String, code: Schema.optional(Schema.Finite) })

const decodeMessage = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({
  error: Schema.optional(RpcError),
  params: Schema.optional(Schema.Struct({ message: Schema.optional(Schema.String) })),
  result: Schema.optional(Schema.Struct({
    isError: Schema.optional(Schema.Boolean),
    content: Schema.optional(Schema.Array(Text)),
    contents: Schema.optional(Schema.Array(Text))
  }))
})))

const gone = new CliFailure({
  exitCode: ExitCode.cannotConnect,
  reason: "NotRunning",
  message: "the daemon has ended before its answer; try again"
})

/** Of JSON-RPC and of MCP: what was asked is not known. */
const refusals: ReadonlySet<number> = new Set([-32601, -32602, -32002])

/** The daemon knows no such server, or, if it is an older one, nothing of what it was asked. */
const refused = ({ code, message }: typeof RpcError.Type): CliFailure =>
  code === undefined
    ? new CliFailure({ exitCode: ExitCode.usage, reason: "UnknownServer", message })
    : new CliFailure({
      exitCode: ExitCode.cannotConnect,
      reason: "NotKnown",
      message: "the daemon is of an older version, which does not tell this; holdfast daemon restart starts this one"
    })

const notUnderstood = (text: string): CliFailure =>
  new CliFailure({
    exitCode: ExitCode.internal,
    reason: "Internal",
    message: `the daemon's answer is not understood: ${
      text.slice(0, 200)
    }; holdfast daemon restart puts both on one version`
  })
