/**
 * What the daemon remembers of its servers by their names: the last tries, the last lines of stderr, how many tools, where they come from.
 * And what happens, as events.
 *
 * All of it is bounded: of two hundred servers, the ones first forgotten that were not heard of for the longest.
 */
import { advised } from "@holdfast/mcp/Advice"
import type { CallRecord, Event, LogLine, Origin, Try } from "../ControlContract.ts"
import { Feed } from "./Feed.ts"

/** An event that has no number yet. */
export type Happening = Event extends infer E ? E extends Event ? Omit<E, "seq" | "at"> : never : never

/** A server that a program has named. */
export interface NamedServer {
  readonly name: string
  readonly origin: Origin
  /** Whether its lists are in the catalogue. Reads files. */
  readonly isKnown: () => boolean
}

export interface Journal {
  readonly tell: (happening: Happening) => void
  readonly events: Feed<Event>
  /** Of the start of a process. */
  readonly tried: (server: string, attempt: Try) => void
  /** Of a list or a call that has failed. */
  readonly failed: (server: string, attempt: Try) => void
  /** In the order of their times. */
  readonly tries: (server: string) => ReadonlyArray<Try>
  /** Of the call of a tool that begins. `read` tells how far it is, at any time. */
  readonly called: (call: CalledTool) => void
  /** The last calls of a server, the newest last. */
  readonly calls: (server: string) => ReadonlyArray<CallRecord>
  /** Undefined: it is not known, or forgotten. */
  readonly call: (id: string) => CallRecord | undefined
  readonly wrote: (server: string, pid: number, line: string) => void
  readonly linesOf: (server: string) => Feed<LogLine>
  readonly named: (server: NamedServer) => void
  readonly servers: () => ReadonlyArray<NamedServer>
  /** A page of its tools: `isFirst` begins anew. */
  readonly listed: (server: string, tools: number, isFirst: boolean, isLast: boolean) => void
  readonly toolsOf: (server: string) => number | undefined
}

/** A call, as the journal keeps it. */
export interface CalledTool {
  readonly id: string
  readonly server: string
  readonly read: () => CallRecord
}

/** Of all servers. */
const mostCalls = 500
/** Are told of with a server. */
const mostOfServer = 32
const mostServers = 200
const mostEvents = 1000
const mostTries = 20
const mostLines = 500
/** Characters of the lines of a server. */
const mostSize = 64 * 1024

interface Remembered {
  readonly starts: Array<Try>
  readonly failures: Array<Try>
  readonly lines: Feed<LogLine>
  tools: number | undefined
  /** Of pages that are not all there yet. */
  counted: number
}

/** `now`: milliseconds since 1970. */
export const make = (now: () => number): Journal => {
  const events = new Feed<Event>({ most: mostEvents })
  const servers = new Map<string, Remembered>()
  /** By id, in the order they came. */
  const calls = new Map<string, CalledTool>()
  const named = new Map<string, NamedServer>()
  const of = (server: string): Remembered => {
    const found = servers.get(server) ?? {
      starts: [],
      failures: [],
      lines: new Feed<LogLine>({ most: mostLines, mostSize, sizeOf: ({ line }) => line.length }),
      tools: undefined,
      counted: 0
    }
    newest(servers, server, found)
    return found
  }
  const remember = (tries: Array<Try>, attempt: Try): void => {
    tries.push(advised(attempt))
    if (tries.length > mostTries) tries.shift()
  }
  return {
    events,
    // The members are those of one kind of event, and the compiler does not see that of a union.
    tell: (happening) => events.add((seq) => ({ ...happening, seq, at: now() }) as Event),
    tried: (server, attempt) => remember(of(server).starts, attempt),
    failed: (server, attempt) => remember(of(server).failures, attempt),
    tries: (server) => {
      const { failures, starts } = servers.get(server) ?? { failures: [], starts: [] }
      return [...starts, ...failures].toSorted((a, b) => a.at - b.at)
    },
    called: (call) => {
      const [oldest] = calls.keys()
      if (oldest !== undefined && calls.size >= mostCalls) calls.delete(oldest)
      calls.set(call.id, call)
    },
    calls: (server) =>
      [...calls.values()].filter((call) => call.server === server).slice(-mostOfServer).map(({ read }) => read()),
    call: (id) => calls.get(id)?.read(),
    wrote: (server, pid, line) => of(server).lines.add(() => ({ at: now(), pid, line })),
    linesOf: (server) => of(server).lines,
    named: (server) => newest(named, `${server.name}\n${JSON.stringify(server.origin)}`, server),
    servers: () => [...named.values()],
    listed: (server, tools, isFirst, isLast) => {
      const remembered = of(server)
      remembered.counted = tools + (isFirst ? 0 : remembered.counted)
      if (isLast) remembered.tools = remembered.counted
    },
    toolsOf: (server) => servers.get(server)?.tools
  }
}

/** Is the last one to be forgotten. */
const newest = <A>(all: Map<string, A>, key: string, value: A): void => {
  all.delete(key)
  const [oldest] = all.keys()
  if (oldest !== undefined && all.size >= mostServers) all.delete(oldest)
  all.set(key, value)
}
