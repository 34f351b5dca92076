/** What a client calls itself, as operators read it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { clientName } from "../src/internal/session/clientName.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { StatelessClient } from "./support/statelessClient.ts"

describe("the name of a client", () => {
  it("is on one line, bounded, and moves no cursor", () => {
    const cases: ReadonlyArray<readonly [unknown, string | undefined]> = [
      [{ name: "claude-code", version: "2.1.0" }, "claude-code 2.1.0"],
      [{ name: "Ünïcode 客户端", version: "1" }, "Ünïcode 客户端 1"],
      [{ name: "bare" }, "bare"],
      [{ name: "a\n#2 admin\u001b[2K\u202eb", version: "\r\n" }, "a #2 admin [2K b"],
      [{ name: "x".repeat(1000), version: "9" }, `${"x".repeat(64)} 9`],
      [{ name: `${"x".repeat(63)}👍`, version: "" }, "x".repeat(63)],
      [{ name: "", version: "1" }, "1"],
      [{ version: "1" }, undefined],
      [{ name: 5, version: "1" }, undefined],
      [{ name: "\u0000", version: "" }, undefined],
      [null, undefined],
      ["claude", undefined]
    ]
    for (const [info, name] of cases) assert.strictEqual(clientName(info), name)
  })

  it.live("is known of a session from its handshake on, and of a request without one", () =>
    Effect.gen(function*() {
      const { registry, steer, url } = yield* open()
      yield* new RawClient(url).initialize()
      const call = yield* Effect.forkChild(
        new StatelessClient(url).ask("tools/call", { name: "wait", arguments: {} }, {
          meta: { "io.modelcontextprotocol/clientInfo": { name: "brief", version: "3" } }
        })
      )
      yield* eventually("it waits", () => steer.waiting.length === 1)
      const { sessions } = yield* registry.snapshot
      assert.deepStrictEqual(sessions.map(({ client, transport }) => [transport, client]), [
        ["streamable-http", "raw 1"],
        ["stateless", "brief 3"]
      ])
      steer.waiting[0]?.("now")
      yield* Fiber.join(call)
    }))
})
