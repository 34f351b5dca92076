import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as net from "node:net"
import * as DashboardAccess from "../src/DashboardAccess.ts"
import * as DashboardListener from "../src/DashboardListener.ts"
import { made, make } from "./support/madeUpSource.ts"

describe("the listener", () => {
  it.live("answers a request whose address is none, instead of keeping it open", () =>
    Effect.gen(function*() {
      const { source } = yield* Effect.promise(() => make(made(1, 1)))
      const port = yield* DashboardListener.listen({ port: 0, source, access: DashboardAccess.open })
      const answered = yield* Effect.promise(async () => {
        const socket = net.connect(port, "127.0.0.1")
        let text = ""
        socket.setEncoding("utf8").on("data", (more) => text += more)
        socket.write(`GET // HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
        await once(socket, "close")
        return text
      })
      assert.match(answered, /^HTTP\/1\.1 404 /)
    }).pipe(Effect.scoped))
})
