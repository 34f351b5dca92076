/** The official conformance suite over our client and our host, every scenario that is not listed with its reason. */
import { describe, it } from "@effect/vitest"
import { judgedAsExpected } from "./judgeClient.ts"
import { nothingWrong, runs, runsOfVersion2 } from "./judgeServer.ts"
import { conditions } from "./scenarios.ts"

describe("the official conformance suite, all of it", () => {
  it.live("judges the client as expected in every scenario, in both eras", () => judgedAsExpected(conditions))

  it.live("finds nothing wrong with sessions, streams and who gets in, in both eras", () => nothingWrong(runs))

  it.live("finds nothing wrong with a server of version 2 of the SDK on our host, in both eras", () =>
    nothingWrong(runsOfVersion2, "serverV2.ts"))
})
