/**
 * The daemon as an MCP server: what it holds are resources and the answer of a tool, what can be done with it are tools. Its words are in
 * `ControlContract`.
 */
import * as SdkTool from "@holdfast/server/SdkTool"
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Contract from "../../ControlContract.ts"
import { DaemonRefusal } from "../../DaemonRefusal.ts"
import type { Operation } from "../../ServerPool.ts"
import type { Feed, Numbered } from "../Feed.ts"
import type { TakenPlace } from "../Instances.ts"
import type { Journal } from "../Journal.ts"
import type { ParkedCalls } from "../ParkedCalls.ts"

export interface ControlOptions {
  readonly version: string
  readonly status: Effect.Effect<Contract.DaemonStatus>
  /** The last lines of its log. */
  readonly log: Feed<string>
  readonly journal: Journal
  readonly samples: () => Contract.Samples
  /** Begins the end. */
  readonly stop: Effect.Effect<void>
  /** Makes way for a daemon of that version, which must be newer. */
  readonly makeWay: (version: string) => Effect.Effect<ReadonlyArray<TakenPlace>, DaemonRefusal>
  /** Waits until fewer instances than so many are taken. */
  readonly fewer: (than: number) => Effect.Effect<ReadonlyArray<TakenPlace>>
  readonly explain: (server: string) => Contract.Explanation
  /** The name of the server that a word means: its name, or the number of one of its processes. */
  readonly nameOf: (word: string) => string
  readonly parked: Pick<ParkedCalls, "answer" | "questions" | "result">
  readonly operate: (operation: Operation, server: string) => Effect.Effect<number>
}

/** Where the server's work is done: in fibers of the session. */
export interface ControlFibers {
  readonly promise: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  /** Of a call, which is interrupted with its request. */
  readonly call: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
}

export const make = (options: ControlOptions, { call, promise }: ControlFibers): McpServer => {
  const { explain, fewer, journal, log, makeWay, nameOf, operate, parked, samples, status, stop, version } = options
  const server = new McpServer({ name: "holdfast-daemon", version })
  const resource = (
    name: string,
    uri: string,
    description: string,
    read: Effect.Effect<string>,
    mimeType = "application/json"
  ) =>
    server.registerResource(
      name,
      uri,
      { description, mimeType },
      ({ href }) => promise(Effect.map(read, (text) => ({ contents: [{ uri: href, mimeType, text }] })))
    )
  /** A resource of each server. */
  const ofServer = (
    name: string,
    uriOf: (server: string) => string,
    description: string,
    read: (name: string) => object
  ) =>
    server.registerResource(
      name,
      new ResourceTemplate(uriOf("{server}").replace(encodeURIComponent("{server}"), "{server}"), { list: undefined }),
      { description, mimeType: "application/json" },
      ({ href }, variables) =>
        promise(Effect.sync(() => {
          const text = JSON.stringify(read(nameOf(decodeURIComponent(String(variables["server"])))))
          return { contents: [{ uri: href, mimeType: "application/json", text }] }
        }))
    )
  const json = Effect.map(status, (state) => JSON.stringify(state))
  resource("status", Contract.uris.status, described, json)
  resource("log", Contract.uris.log, "The last lines of its log", Effect.sync(() => log.items.join("\n")), "text/plain")
  const events = Effect.sync(() => JSON.stringify({ events: journal.events.items } satisfies Contract.Events))
  resource("events", Contract.uris.events, "The last events: servers, leases, calls, refusals", events)
  const questions = Effect.sync(() => JSON.stringify({ questions: parked.questions() } satisfies Contract.Questions))
  resource("questions", Contract.uris.questions, "Questions of servers that wait for an answer", questions)
  const sampled = Effect.sync(() => JSON.stringify(samples()))
  resource(
    "samples",
    Contract.uris.samples,
    "The last hour: calls, failures, processes and memory, for charts",
    sampled
  )
  ofServer(
    "history",
    Contract.uris.historyOf,
    "The last tries of a server, and what keeps its processes apart",
    historyOf(options)
  )
  ofServer(
    "server log",
    Contract.uris.logOf,
    "The last lines that a server has written to stderr",
    (name): Contract.ServerLog => ({ server: name, lines: journal.linesOf(name).items })
  )

  const text = (text: string) => ({ content: [{ type: "text" as const, text }] })
  const tool = <Input>(
    name: string,
    description: string,
    input: Schema.Codec<Input>,
    handler: (input: Input, call: SdkTool.ToolCall) => Effect.Effect<string, DaemonRefusal>,
    isReading = false
  ) =>
    SdkTool.register(server, {
      name,
      description,
      annotations: isReading ? { readOnlyHint: true } : { destructiveHint: true },
      input,
      handler: (input: Input, call) => Effect.map(handler(input, call), text)
    }, call)
  const nothing = Schema.Struct({})
  const named = Schema.Struct({ server: Schema.String })
  tool("status", described, nothing, () => json, true)
  tool("stop", "Ends the daemon and every server it holds", nothing, () => Effect.as(stop, "stopping"))
  tool(
    "make_way",
    "For a newer daemon: this one stops listening, and ends with its last session",
    Schema.Struct({ version: Schema.String }),
    (input) => Effect.map(makeWay(input.version), (taken) => JSON.stringify({ taken }))
  )
  tool(
    "await_fewer",
    "For a newer daemon: waits until fewer instances than so many are taken here",
    Schema.Struct({ than: Schema.Int }),
    ({ than }) => Effect.map(fewer(than), (taken) => JSON.stringify({ taken })),
    true
  )
  tool(
    "why",
    "What keeps the processes of a server apart, and its last failures",
    named,
    (input) => Effect.sync(() => JSON.stringify(explain(input.server))),
    true
  )
  tool(
    "history",
    "The last tries of a server: which step failed, how its process ended, what to do; and what keeps its processes apart",
    named,
    (input) => Effect.sync(() => JSON.stringify(historyOf(options)(nameOf(input.server)))),
    true
  )
  tool(
    "call",
    "Why a call opened its process, reused one, waited or was repeated, and what became of it, by its id",
    Schema.Struct({ id: Schema.String }),
    ({ id }) => callOf(options)(id),
    true
  )
  tool("questions", "Questions of servers that wait for an answer", nothing, () => questions, true)
  tool(
    "answer",
    "Answers the question of a server; its call goes on",
    Contract.Answer,
    (input) => Effect.map(parked.answer(input), (result) => JSON.stringify(result))
  )
  tool(
    "result",
    "What has become of a call that was parked, by its id or that of one of its questions",
    Contract.ResultOf,
    (input) => Effect.map(parked.result(input), (result) => JSON.stringify(result)),
    true
  )
  tool(
    "follow",
    "Tells events, or lines of a log, as its progress until it is cancelled",
    Contract.Follow,
    ({ after, server, what }, { progress }) => {
      const tell = ({ item, seq }: Numbered<unknown>) =>
        progress({ progress: seq, message: typeof item === "string" ? item : JSON.stringify(item) })
      if (what === "events") return followed(journal.events, after, tell)
      return server === undefined
        ? followed(log, after, tell)
        : followed(journal.linesOf(nameOf(server)), after, tell)
    },
    true
  )
  for (const [operation, description, done] of operations) {
    tool(
      operation,
      description,
      named,
      (input) =>
        Effect.flatMap(operate(operation, input.server), (count) =>
          count > 0
            ? Effect.succeed(`${input.server}: ${count} ${done}`)
            : Effect.flatMap(status, (state) => Effect.fail(unknown(input.server, state))))
    )
  }
  return server
}

const described = "What the daemon holds: sessions, servers, processes, the last failures"

/** What each does, and what is said when it is done. */
const operations: ReadonlyArray<readonly [operation: Operation, description: string, done: string]> = [
  ["reset", "Forgets the failures of a server and what it has refused: the next try is made at once", "forgotten"],
  ["drain", "Gives a server's processes to no other session: each ends when the last one leaves", "leaving"],
  ["close", "Ends a server's processes now. Their sessions go on with others", "ended"]
]

const historyOf = ({ explain, journal }: ControlOptions) => (server: string): Contract.History => ({
  server,
  tries: journal.tries(server),
  keys: explain(server).keys,
  calls: journal.calls(server)
})

const callOf = ({ journal }: ControlOptions) => (id: string): Effect.Effect<string, DaemonRefusal> => {
  const record = journal.call(id)
  return record === undefined
    ? Effect.fail(
      new DaemonRefusal(
        "BadWish",
        `the daemon knows no call ${
          JSON.stringify(id)
        }; holdfast events and holdfast why <server> show the ids of the last ones`
      )
    )
    : Effect.succeed(JSON.stringify(record))
}

/** So many wait for a client that reads slowly; beyond that the oldest are left out. */
const mostWaiting = 10_000

/** Until it is interrupted. */
const followed = <A>(
  feed: Feed<A>,
  after: number | undefined,
  tell: (numbered: Numbered<A>) => Effect.Effect<void>
): Effect.Effect<never> =>
  Effect.scoped(Effect.gen(function*(): Effect.fn.Return<never, never, Scope.Scope> {
    const queue = yield* Queue.sliding<Numbered<A>>(mostWaiting)
    yield* Effect.acquireRelease(
      Effect.sync(() => feed.follow(after, (numbered) => void Queue.offerUnsafe(queue, numbered))),
      (stop) => Effect.sync(stop)
    )
    return yield* Effect.forever(Effect.flatMap(Queue.take(queue), tell))
  }))

const unknown = (word: string, { servers }: Contract.DaemonStatus): DaemonRefusal => {
  const names = [...new Set(servers.map(({ name }) => name))]
  const held = names.length === 0 ? "it holds none" : `it holds ${names.join(", ")}`
  return new DaemonRefusal("BadWish", `the daemon has no server ${JSON.stringify(word)}; ${held}`)
}
