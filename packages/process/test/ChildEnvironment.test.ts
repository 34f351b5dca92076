import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as ChildEnvironment from "../src/ChildEnvironment.ts"
import * as Reaper from "../src/Reaper.ts"
import * as SupervisedProcess from "../src/SupervisedProcess.ts"
import { program, readAll } from "./support/Child.ts"

const allowed = {
  HOME: "/home/me",
  LOGNAME: "me",
  PATH: "/bin:/usr/bin",
  SHELL: "/bin/sh",
  TERM: "dumb",
  USER: "me",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
  TMPDIR: "/tmp",
  XDG_CONFIG_HOME: "/home/me/.config",
  HTTPS_PROXY: "http://proxy:8080",
  no_proxy: "localhost",
  NODE_EXTRA_CA_CERTS: "/dev/null",
  SSL_CERT_FILE: "/etc/ssl/cert.pem"
}

const secrets = {
  AWS_SECRET_ACCESS_KEY: "s1",
  GITHUB_TOKEN: "s2",
  NODE_OPTIONS: "--no-warnings",
  PATHOLOGY: "s3",
  MY_LC_: "s4"
}

/** Makes `process.env` exactly this for the scope. */
const withEnvironment = (environment: Readonly<Record<string, string>>) => {
  const replace = (next: NodeJS.ProcessEnv): void => {
    for (const name of Object.keys(process.env)) delete process.env[name]
    Object.assign(process.env, next)
  }
  return Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...process.env }
      replace(environment)
      return before
    }),
    (before) => Effect.sync(() => replace(before))
  )
}

/** All but the tag, which is one of ours whatever was stated or inherited. */
const environmentOfChild = Effect.fnUntraced(function*(options: ChildEnvironment.ChildEnvironmentOptions) {
  const child = yield* SupervisedProcess.spawn({ ...program("environment.ts"), ...options })
  // What environment.ts prints.
  const { HOLDFAST_TAG, ...environment } = JSON.parse(yield* readAll(child.stdout)) as Record<string, string>
  const { runtime } = yield* Reaper.status
  assert.match(HOLDFAST_TAG ?? "", new RegExp(`^${runtime}\\.[0-9]+\\.kill$`))
  return environment
})

describe("the environment of a child", () => {
  it.live("is the allow-list exactly, plus what is stated, which wins", () =>
    Effect.gen(function*() {
      yield* withEnvironment({ ...allowed, ...secrets })
      assert.deepStrictEqual(yield* environmentOfChild({}), allowed)
      const stated = { API_KEY: "stated", LANG: "de_CH.UTF-8", EMPTY: "" }
      assert.deepStrictEqual(yield* environmentOfChild({ env: stated }), { ...allowed, ...stated })
    }))

  it.live("is all that this program has, plus what is stated, if that is asked for", () =>
    Effect.gen(function*() {
      const tag = { HOLDFAST_TAG: `${"0".repeat(32)}.1.group` }
      yield* withEnvironment({ ...allowed, ...secrets, ...tag })
      const env = { GITHUB_TOKEN: "stated" }
      assert.deepStrictEqual(yield* environmentOfChild({ env, inheritEnv: true }), { ...allowed, ...secrets, ...env })
    }))

  it("takes a name for a name, even __proto__", () => {
    const environment = ChildEnvironment.select({}, { env: JSON.parse("{\"__proto__\":\"x\"}") })
    assert.deepStrictEqual(Object.entries(environment), [["__proto__", "x"]])
    assert.strictEqual(Object.getPrototypeOf(environment), Object.prototype)
  })
})
