import { assert, describe, it } from "@effect/vitest"
import * as DashboardGuard from "../src/DashboardGuard.ts"

const judge = (headers: Readonly<Record<string, string | undefined>>, method = "GET") =>
  DashboardGuard.judge(
    { method, headers: { host: "127.0.0.1:8080", ...headers } },
    DashboardGuard.loopback(8080)
  )?.status

describe("the guard of the page", () => {
  it("lets in what was meant for this machine and this port, under each of its names", () => {
    for (const host of ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"]) {
      assert.isUndefined(judge({ host }), host)
      assert.isUndefined(judge({ host, origin: `http://${host}`, "sec-fetch-site": "same-origin" }), host)
    }
  })

  // quick-lint/quick-lint-js#951, modelcontextprotocol/conformance#103.
  it("refuses a name that was rebound to this machine, and another port", () => {
    for (
      const host of [undefined, "", "evil.example:8080", "127.0.0.1:9090", "127.0.0.1", "127.0.0.1.evil.example:8080"]
    ) {
      assert.strictEqual(judge({ host }), 403, host)
    }
  })

  it("refuses pages of other origins and sites, those of other ports of this machine too", () => {
    for (const origin of ["http://evil.example", "http://127.0.0.1:9090", "http://localhost:8080", "null"]) {
      assert.strictEqual(judge({ origin }), 403, origin)
    }
    for (const site of ["cross-site", "same-site"]) {
      assert.strictEqual(judge({ "sec-fetch-site": site }), 403, site)
      assert.strictEqual(
        judge({ "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }),
        403
      )
      // A link in another page opens the page, which is empty without a session.
      assert.isUndefined(judge({ "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }))
    }
    assert.isUndefined(judge({ "sec-fetch-site": "none" }))
    assert.strictEqual(judge({ "sec-fetch-site": "none", "content-type": "application/json" }, "POST"), 403)
  })

  it("refuses bodies that a form could send", () => {
    assert.isUndefined(judge({ "content-type": "application/json; charset=utf-8" }, "POST"))
    for (const type of [undefined, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      assert.strictEqual(judge({ "content-type": type }, "POST"), 415, type)
    }
  })
})
