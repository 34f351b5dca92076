import { assert, describe, it } from "@effect/vitest"
import { PoolPolicy } from "@holdfast/core"
import { differences } from "../src/internal/differences.ts"
import * as RawMessage from "../src/RawMessage.ts"
import * as ServerTarget from "../src/ServerTarget.ts"

const wanted: ServerTarget.WantedServer = {
  name: "s",
  command: "node",
  args: ["a"],
  cwd: "/a",
  environment: { TOKEN: "secret-1", LANG: "C" },
  policy: PoolPolicy.defaults,
  isShared: false,
  handOn: true
}

const initialize = (protocolVersion: string, capabilities: object): RawMessage.RawMessage => {
  const messages = RawMessage.read(
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion, capabilities } })
  )
  if (typeof messages === "string" || messages[0] === undefined) throw new Error("no message")
  return messages[0]
}

const legacy = (server: Partial<ServerTarget.WantedServer> = {}, revision = "2025-11-25", capabilities: object = {}) =>
  ServerTarget.make({ ...wanted, ...server }, initialize(revision, capabilities))

describe("what keeps two servers apart", () => {
  it("is told part by part, without values of variables; and where nothing is told their keys are equal", () => {
    const cases: ReadonlyArray<readonly [ServerTarget.ServerTarget, ReadonlyArray<string>]> = [
      [legacy(), []],
      [legacy({ command: "deno" }), ["command: deno instead of node"]],
      [legacy({ args: ["secret-2"] }), ["arguments"]],
      [legacy({ cwd: "/b" }), ["working directory: /b instead of /a"]],
      [legacy({ environment: { TOKEN: "secret-2", PATH: "/bin" } }), ["environment: LANG, PATH, TOKEN"]],
      [legacy({}, "2025-06-18"), ["revision: 2025-06-18 instead of 2025-11-25"]],
      [legacy({}, "2025-11-25", { roots: {}, sampling: {} }), ["capabilities: roots, sampling"]],
      [legacy({ isShared: true }), ["shared"]],
      [legacy({ handOn: false }), ["not handed on"]],
      [
        ServerTarget.make(wanted, undefined),
        ["era: modern instead of legacy", "revision: undefined instead of 2025-11-25", "shared"]
      ],
      [
        ServerTarget.make(ServerTarget.instanceOf(wanted, 2), initialize("2025-11-25", {})),
        ["instance: 2 instead of none"]
      ]
    ]
    for (const [other, expected] of cases) {
      assert.deepStrictEqual(differences(legacy(), other), expected)
      assert.strictEqual(other.fingerprint === legacy().fingerprint, expected.length === 0, expected.join())
      assert.notInclude(differences(legacy(), other).join(), "secret")
    }
  })
})
