import { assert, describe, it } from "@effect/vitest"
import * as os from "node:os"
import * as HomeDirectory from "../src/HomeDirectory.ts"

const listed = os.userInfo().homedir

/** Reports: oven-sh/bun#34629 (set and empty), felddy/foundryvtt-docker#39 (a user in no list); containers/crun#599 falls back to the same folder. */
describe("the home directory", () => {
  it("is HOME where that is an absolute path, else that of the list of users", () => {
    assert.strictEqual(HomeDirectory.of({ HOME: "/home/a" }), "/home/a")
    for (const HOME of [undefined, "", "relative", "."]) assert.strictEqual(HomeDirectory.of({ HOME }), listed, HOME)
  })

  it("is the root folder for a user that is in no list, or has none there", () => {
    // The module as every importer of this process has it.
    const shared: { userInfo: () => { homedir: string } } = process.getBuiltinModule("node:os")
    const { userInfo } = shared
    const homeOf = (answer: () => string): string => {
      shared.userInfo = () => ({ homedir: answer() })
      try {
        return HomeDirectory.of({})
      } finally {
        shared.userInfo = userInfo
      }
    }
    assert.strictEqual(
      homeOf(() => {
        throw new Error("A system error occurred: uv_os_get_passwd returned ENOENT (no such file or directory)")
      }),
      "/"
    )
    assert.strictEqual(homeOf(() => ""), "/")
    assert.strictEqual(homeOf(() => "/home/b"), "/home/b")
  })
})
