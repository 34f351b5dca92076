/** A daemon that does not exist, told of through the contract of real ones: as many servers and calls as a test wants. */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type {
  Action,
  CallRow,
  FailureRow,
  LogLine,
  RefusedRow,
  Sample,
  ServerRow,
  SessionRow,
  Snapshot,
  WaitingRow
} from "../../src/DashboardContract.ts"
import { DashboardRefusal, type DashboardSource } from "../../src/DashboardSource.ts"

/** Noon of a day, so that pictures are the same each time. */
export const noon = Date.UTC(2026, 5, 1, 12)

const names = ["files", "browser", "github", "postgres", "search", "calendar", "docs", "shell"]
const tools = ["read_text_file", "navigate", "list_issues", "query", "web_search", "list_events", "get_page", "run"]
const programs = ["claude", "cursor", "codex", "holdfast"]

const at = <A>(all: ReadonlyArray<A>, index: number): A => {
  const found = all[index % all.length]
  if (found === undefined) throw new Error("an empty list")
  return found
}

const serverOf = (index: number): ServerRow => {
  const turn = Math.floor(index / names.length)
  const isBad = index % 11 === 3
  const name = `${at(names, index)}${turn === 0 ? "" : `-${turn + 1}`}`
  const leases = isBad ? [] : Array.from({ length: index % 3 }, (_, lease) => ({
    program: at(programs, index + lease),
    pid: 900 + index * 3 + lease,
    directory: "/home/ada/work"
  }))
  return {
    id: `${isBad ? "" : 2000 + index}|0|${name}`,
    name,
    state: isBad ? "backing off" : leases.length === 0 ? "idle" : "in use",
    mood: isBad ? "bad" : "good",
    command: `npx -y @example/server-${at(names, index)} /home/ada/work`,
    origin: "/home/ada/work/.mcp.json",
    era: index % 2 === 0 ? "legacy" : "modern",
    sharing: index % 2 === 0 ? "exclusive" : "shared",
    ...(isBad
      ? { retryAt: noon + 20_000, lastFailure: "handshake failed: exited with code 1" }
      : {
        pid: 2000 + index,
        startedAt: noon - 600_000,
        memory: (30 + index % 50) * 1024 * 1024,
        tools: 3 + index % 9
      }),
    leases,
    inFlight: index % 5 === 2 ? 1 : 0,
    waiting: isBad ? 2 : 0,
    actions: ["reset", "drain", "close"]
  }
}

const callOf = (seq: number): CallRow => {
  const isBad = seq % 13 === 5
  return {
    seq,
    at: noon - 900_000 + seq * 90,
    call: `c${seq}`,
    server: at(names, seq),
    name: at(tools, seq),
    by: { program: at(programs, seq), pid: 900 + seq % 40, directory: "/home/ada/work" },
    outcome: isBad ? seq % 2 === 0 ? "lost, may have run" : "tool error" : "answered",
    mood: isBad ? "bad" : "good",
    millis: 4 + (seq * 7919) % 1900
  }
}

const sampleOf = (index: number): Sample => ({
  at: noon - (240 - index) * 15_000,
  values: {
    calls: Math.round(30 + 20 * Math.sin(index / 17) + index % 7),
    failures: index % 29 === 0 ? 4 : index % 5 === 0 ? 1 : 0,
    inFlight: Math.round(5 + 4 * Math.sin(index / 11)),
    memory: (600 + 120 * Math.sin(index / 40)) * 1024 * 1024
  }
})

export const made = (servers: number, calls: number): Snapshot => {
  const rows = Array.from({ length: servers }, (_, index) => serverOf(index))
  const refused: ReadonlyArray<RefusedRow> = [{
    seq: 1,
    at: noon - 60_000,
    reason: "TooBusy",
    message: "cursor uses 20 processes, and may use no more",
    server: "browser",
    by: { program: "cursor", pid: 901 }
  }]
  const failures: ReadonlyArray<FailureRow> = [
    {
      seq: 2,
      at: noon - 50_000,
      subject: "postgres",
      message: "at handshake: exited with code 1: password is missing"
    },
    { seq: 3, at: noon - 20_000, subject: "browser", message: "process 2001: killed by SIGKILL" }
  ]
  const waiting: ReadonlyArray<WaitingRow> = rows.filter(({ waiting = 0 }) => waiting > 0)
    .map(({ id, name, retryAt, waiting: count = 1 }) => ({
      id,
      subject: name,
      count,
      because: "it is backing off: exited with code 1",
      ...(retryAt === undefined ? {} : { until: retryAt })
    }))
  const sessions: ReadonlyArray<SessionRow> = programs.map((client, index) => ({
    id: String(index),
    client,
    pid: 900 + index,
    directory: "/home/ada/work",
    wants: at(names, index),
    actions: []
  }))
  return {
    head: {
      kind: "daemon",
      title: "holdfast daemon",
      version: "1.0.0",
      pid: 1234,
      startedAt: noon - 7_200_000,
      memory: 64 * 1024 * 1024,
      state: "live",
      epoch: "1",
      facts: [{ label: "Its files", value: "/home/ada/.local/state/holdfast" }],
      charts: [
        {
          title: "Calls in 15 s",
          unit: "count",
          series: [{ key: "calls", label: "calls" }, { key: "failures", label: "failures" }]
        },
        { title: "At once", unit: "count", series: [{ key: "inFlight", label: "in flight" }] },
        { title: "Memory", unit: "bytes", series: [{ key: "memory", label: "servers" }] }
      ],
      actions: [],
      hasLogs: true,
      hasWhy: true
    },
    servers: rows,
    sessions,
    waiting,
    calls: Array.from({ length: calls }, (_, index) => callOf(index + 1)),
    refused,
    failures,
    samples: Array.from({ length: 240 }, (_, index) => sampleOf(index))
  }
}

/** A log of 100 000 lines, as fast as it is read. */
const flood: Stream.Stream<ReadonlyArray<LogLine>> = Stream.map(
  Stream.range(0, 199),
  (part) => Array.from({ length: 500 }, (_, index) => ({ at: noon, pid: 2004, line: `line ${part * 500 + index + 1}` }))
)

export interface MadeUp {
  readonly source: DashboardSource
  /** What was asked for, in its order. */
  readonly actions: ReadonlyArray<Action>
  readonly change: (next: (snapshot: Snapshot) => Snapshot) => Promise<void>
}

export const make = async (first: Snapshot): Promise<MadeUp> => {
  let now = first
  const changes = await Effect.runPromise(PubSub.unbounded<void>())
  const actions: Array<Action> = []
  const lines: ReadonlyArray<LogLine> = [
    { at: noon, pid: 2000, line: "listening" },
    { at: noon, pid: 2000, line: "\u001b[31mred\u001b[0m \u202etxt.exe <b>no markup</b>" }
  ]
  return {
    actions,
    change: async (next) => {
      now = next(now)
      await Effect.runPromise(PubSub.publish(changes, undefined))
    },
    source: {
      snapshots: Stream.unwrap(Effect.map(PubSub.subscribe(changes), (subscription) =>
        Stream.concat(
          Stream.suspend(() => Stream.succeed(now)),
          Stream.map(Stream.fromSubscription(subscription), () => now)
        ))),
      act: (action) => {
        actions.push(action)
        return action.target?.includes("refused") === true
          ? Effect.fail(new DashboardRefusal({ message: "it is not there any more" }))
          : Effect.succeed({ message: `${action.action}: done` })
      },
      log: (of) => Stream.concat(of === "search" ? flood : Stream.succeed(lines), Stream.never),
      why: (of) =>
        Effect.succeed({
          of,
          parts: [{
            title: "The last tries",
            entries: [{
              at: noon,
              line: "failed at handshake (initialize), process 7, exit code 1",
              mood: "bad" as const,
              details: ["stderr: password is missing", "→ Name the variables that it needs under env."]
            }]
          }]
        })
    }
  }
}
