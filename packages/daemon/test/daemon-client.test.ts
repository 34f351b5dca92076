/** The client of the daemon, before something that only listens where a daemon would. */
import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import * as net from "node:net"
import * as DaemonClient from "../src/DaemonClient.ts"
import * as DaemonPlace from "../src/DaemonPlace.ts"
import * as Hello from "../src/Hello.ts"
import * as Home from "./support/Home.ts"

describe("a connection that is not wanted any more", () => {
  it("is not made, and one that comes late is closed", async () => {
    await using home = Home.make()
    const place = home.place()
    DaemonPlace.ensureToken(place, () => "0".repeat(64))
    const given = new AbortController()
    const server = net.createServer()
    server.listen(place.socket)
    await once(server, "listening")
    const arrived = once(server, "connection")
    const connecting = DaemonClient.connect({
      place,
      wants: { daemon: true },
      program: "p",
      start: false,
      signal: given.signal
    }).catch((error: unknown) => error)
    const [socket]: ReadonlyArray<net.Socket> = await arrived
    assert.exists(socket)
    if (socket === undefined) return
    await once(socket, "data")
    given.abort()
    const closed = once(socket, "close")
    socket.write(Hello.encode({ holdfast: Hello.protocol, version: "99.0.0", pid: 7 }))
    assert.match(String(await connecting), /not wanted any more/)
    await closed
    await new Promise((resolve) => server.close(resolve))
  })
})
