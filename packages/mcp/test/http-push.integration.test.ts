import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import type * as http from "node:http"
import { events, notification } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const program = new URL("./support/idleHttpProgram.ts", import.meta.url).pathname

describe("a push stream", () => {
  it.live("keeps no program alive that has nothing else to do", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      let stream: http.ServerResponse | undefined
      server.onGet = (response) => {
        stream = response
        events(response, notification("notifications/hello"))
      }
      const code = yield* Effect.callback<number | null>((resume) => {
        const child = spawn(process.execPath, [program, server.url], { stdio: "inherit" })
        child.once("exit", (status) => resume(Effect.succeed(status)))
        return Effect.sync(() => void child.kill("SIGKILL"))
      })
      assert.strictEqual(code, 0)
      assert.isFalse(stream?.writableEnded)
      assert.strictEqual(server.gets().length, 1)
    }))
})
