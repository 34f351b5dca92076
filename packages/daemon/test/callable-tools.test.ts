import { assert, describe, it } from "@effect/vitest"
import * as CallableTools from "../src/CallableTools.ts"

const request = { tool: "work", objects: [], words: [], client: { name: "test", version: "1" } }

describe("a tool that must be called as a task", () => {
  it("is left to a client that knows what to do with a task; one that may be is called", () => {
    const inputSchema = { type: "object" }
    const read = (execution: object | undefined) =>
      CallableTools.ofList({ tools: [{ name: "work", inputSchema, ...execution && { execution } }] })?.get("work")?.(
        request
      )
    assert.isUndefined(read({ taskSupport: "required" }))
    for (const execution of [undefined, {}, { taskSupport: "optional" }, { taskSupport: "forbidden" }]) {
      assert.strictEqual(read(execution), "{}")
    }
  })
})
