/** What every link promises, checked for every link. */
import { describe, it } from "@effect/vitest"
import * as Deadlines from "@holdfast/core/Deadlines"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import { Recorder } from "@holdfast/mcp/Recorder"
import * as SseLink from "@holdfast/mcp/SseLink"
import * as StdioLink from "@holdfast/mcp/StdioLink"
import type { MemoryPeer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as HttpAgent from "../src/internal/http/HttpAgent.ts"
import * as memoryLink from "../src/internal/memory/memoryLink.ts"
import { type Opened, promises, type Subject } from "./linkContract.ts"
import { eventually } from "./support/eventually.ts"
import * as memorySpy from "./support/memorySpy.ts"
import * as spyBehaviour from "./support/spyBehaviour.ts"
import * as SpyHttp from "./support/SpyHttp.ts"
import * as SseServer from "./support/SseServer.ts"

const spyStdio = new URL("./support/spyStdio.ts", import.meta.url).pathname

const stdio: Subject = {
  name: "stdio",
  isPipe: true,
  carriesQuestions: true,
  death: { cause: "ProcessEnded", showsAtSend: false },
  open: Effect.fnUntraced(function*(receiver, options) {
    const link = yield* StdioLink.make(
      // What is deaf does not hear the end of its stdin either.
      { command: process.execPath, args: [spyStdio], gracePeriod: "200 millis", ...options },
      receiver
    )
    const pid = link.process?.pid ?? 0
    return {
      link,
      kill: Effect.sync(() => void process.kill(pid, "SIGKILL")),
      gone: Effect.sync(() => blockUntilDead(pid))
    }
  })
}

/** A dead process's pipe refuses at once; whether anybody here knows is another matter, and must not be told before. */
const blockUntilDead = (pid: number): void => {
  for (let look = 0; look < 100_000; look++) {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    const state = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0]
    // The pipes are closed with the last thread, which may outlive the one that the process is named after.
    if (state === "Z" && fs.readdirSync(`/proc/${pid}/task`).length === 1) return
  }
  throw new Error(`${pid} does not die`)
}

const http = (answers: "json" | "sse"): Subject => ({
  name: answers === "json" ? "HTTP with JSON answers" : "HTTP with event streams",
  isPipe: false,
  carriesQuestions: answers === "sse",
  death: { cause: "Unreachable", showsAtSend: true },
  open: Effect.fnUntraced(function*(receiver, options) {
    const server = yield* SpyHttp.make({ answers, hasSessions: false })
    const deadlines = yield* Deadlines.make
    const dispatcher = yield* HttpAgent.make
    let connections = 0
    dispatcher.on("connect", () => void connections++)
    dispatcher.on("disconnect", () => void connections--)
    const link = yield* HttpLink.make({ url: server.url, headers: {}, deadlines, ...options }, receiver).pipe(
      Effect.provideService(HttpLink.HttpDispatcher, Effect.succeed(dispatcher))
    )
    return {
      link,
      kill: server.stop,
      // A frame given to a socket that dies only now is in doubt.
      gone: eventually("disconnected", () => connections === 0)
    }
  })
})

const sse: Subject = {
  name: "HTTP+SSE",
  isPipe: false,
  carriesQuestions: true,
  death: { cause: "Unreachable", showsAtSend: false },
  open: Effect.fnUntraced(function*(receiver, options) {
    const server = yield* SseServer.make
    const spy = spyBehaviour.make()
    server.onPost = (message, response) => {
      response.writeHead(202).end()
      // What the link posts is JSON-RPC.
      spy.handle(message as spyBehaviour.SpyFrame, {
        send: (...frames) => {
          for (const frame of frames) server.stream?.write(`event: message\ndata: ${JSON.stringify(frame)}\n\n`)
        },
        done: () => {}
      })
    }
    const link = yield* SseLink.make({ url: server.url, headers: {}, ...options }, receiver)
    return {
      link,
      kill: Effect.sync(() => void server.stream?.destroy()),
      gone: eventually("disconnected", () => receiver.closings.length > 0)
    }
  })
}

const memory: Subject = {
  name: "memory",
  isPipe: true,
  carriesQuestions: true,
  death: { cause: "ProcessEnded", showsAtSend: false },
  open: Effect.fnUntraced(function*(receiver, options) {
    let peer: MemoryPeer | undefined
    const link = yield* memoryLink.make(
      (opened) => {
        peer = opened
        return memorySpy.serve(opened)
      },
      receiver,
      options
    )
    return { link, kill: Effect.sync(() => peer?.exit({ signal: "SIGKILL" })), gone: Effect.void }
  })
}

/** The same link, listened to: nothing of what it promises is lost. */
const recorded = (subject: Subject): Subject => ({
  ...subject,
  name: `${subject.name}, recorded`,
  open: Effect.fnUntraced(function*(receiver, options) {
    let opened: Opened | undefined
    const opener = yield* Recorder.tap(() => {})
    const open = opener((_, listening) =>
      subject.open(Object.assign(listening, { closings: receiver.closings }), options).pipe(
        Effect.map((its) => {
          opened = its
          return its.link
        }),
        Effect.orDie
      )
    )
    const link = yield* Effect.orDie(open({ server: "it", endpoint: Endpoint.stdio({ command: "it" }) }, receiver))
    return {
      kill: Effect.suspend(() => opened?.kill ?? Effect.void),
      gone: Effect.suspend(() => opened?.gone ?? Effect.void),
      link
    }
  })
})

const subjects = [stdio, http("json"), http("sse"), sse, memory]
for (const subject of [...subjects, recorded(memory), recorded(http("sse"))]) {
  describe(`a link over ${subject.name}`, () => {
    for (const { appliesTo, check, name } of promises) {
      if (appliesTo?.(subject) !== false) it.live(name, () => check(subject))
    }
  })
}
