import { assert, describe, it } from "@effect/vitest"
import * as net from "node:net"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as DaemonPlace from "../src/DaemonPlace.ts"
import * as Hello from "../src/Hello.ts"
import * as Home from "./support/Home.ts"
import { startedBy } from "./support/startedBy.ts"

describe("the daemon", () => {
  it("is started exactly once by a hundred programs at once", async () => {
    assert.deepStrictEqual(await startedBy(100), { refusals: [], served: [true], starts: 1 })
  })

  it("that greets and then answers nothing holds nobody up for ever: after a minute it is told which process that is", async () => {
    await using home = Home.make()
    const place = home.place()
    DaemonPlace.ensureToken(place, () => "0".repeat(64))
    const silent = net.createServer((socket) => {
      socket.once("data", () => socket.write(Hello.encode({ holdfast: Hello.protocol, version: "99.0.0", pid: 7 })))
      socket.on("error", () => {})
    })
    await new Promise<void>((resolve) => silent.listen(place.socket, resolve))
    const error: unknown = await DaemonControl.status(place).catch((error: unknown) => error)
    assert.match(String(error), /the daemon \(process 7\) has not answered; is it stopped\?/)
    await new Promise((resolve) => silent.close(resolve))
  })
})
