/** What the compiler knows in programs without Effect. These tests fail when `tsc` does. */
import type { Step, Try } from "@holdfast/mcp/Explanation"
import type * as Effectful from "@holdfast/mcp/McpRuntimeError"
import type * as McpPromise from "@holdfast/mcp/promise"
import { McpRuntimeError } from "@holdfast/mcp/promise"
import type { RecorderOptions } from "@holdfast/mcp/Recorder"
import type * as Messages from "@holdfast/protocol/Messages"
import type * as Duration from "effect/Duration"
import { describe, expectTypeOf, it } from "vitest"
import { z } from "zod"

describe("types without Effect", () => {
  it("content is told apart by its type, content of an unknown kind included", () => {
    const narrowed = (block: McpPromise.ContentBlock) => {
      switch (block.type) {
        case "text":
          expectTypeOf(block).toEqualTypeOf<McpPromise.TextContent>()
          return block.text
        case "image":
          expectTypeOf(block).toEqualTypeOf<McpPromise.ImageContent>()
          return block.data
        case "audio":
          return block.mimeType
        case "resource":
          return block.resource.text
        case "resource_link":
          return block.uri
        default:
          expectTypeOf(block).toEqualTypeOf<McpPromise.OtherContent>()
          return block.type
      }
    }
    expectTypeOf(narrowed).returns.toEqualTypeOf<McpPromise.OtherContent["type"] | string | undefined>()
    const first = (block: Messages.ContentBlock) => block.type === "text" ? block.text : undefined
    expectTypeOf(first).returns.toEqualTypeOf<string | undefined>()
  })

  it("an output gives the call the type of its schema, and none the type of a result", () => {
    const call = (mcp: McpPromise.Mcp) => ({
      typed: mcp.call("s__t", {}, { output: z.object({ celsius: z.coerce.number() }) }),
      typedByServer: mcp.callTool("s", "t", undefined, { output: z.string() }),
      plain: mcp.callTool("s", "t", {}, { deadline: "30 seconds" })
    })
    expectTypeOf(call).returns.toEqualTypeOf<{
      typed: Promise<{ celsius: number }>
      typedByServer: Promise<string>
      plain: Promise<McpPromise.ToolResult>
    }>()
  })

  it("an error is known by its class and its reason by its tag", () => {
    const stderrOf = (error: unknown) => {
      if (!(error instanceof McpRuntimeError)) return undefined
      expectTypeOf(error).toEqualTypeOf<McpPromise.McpRuntimeError>()
      return error.reason._tag === "ServerExited" ? error.reason.end.stderrTail : error.message
    }
    expectTypeOf(stderrOf).returns.toEqualTypeOf<string | undefined>()
  })

  it("reasons are those of the runtime, all of them, with all their members", () => {
    // Of the classes only what a reason is made of: `Error` has members of its own.
    type Plain<R> = R extends { readonly _tag: string } ? Omit<R, keyof Error | "toString"> : never
    type Members<R, Tag> = keyof Plain<Extract<R, { readonly _tag: Tag }>>
    expectTypeOf<McpPromise.Reason["_tag"]>().toEqualTypeOf<Effectful.Reason["_tag"]>()
    expectTypeOf<Effectful.Reason>().toExtend<McpPromise.Reason>()
    expectTypeOf<
      {
        [Tag in McpPromise.Reason["_tag"]]: Members<McpPromise.Reason, Tag> extends Members<Effectful.Reason, Tag>
          ? true
          : Tag
      }
    >()
      .toEqualTypeOf<{ [Tag in McpPromise.Reason["_tag"]]: true }>()
    expectTypeOf<Try>().toExtend<McpPromise.Try>()
    expectTypeOf<keyof McpPromise.Try>().toEqualTypeOf<keyof Try>()
    expectTypeOf<keyof McpPromise.Step>().toEqualTypeOf<keyof Step>()
    expectTypeOf<Omit<McpPromise.FlightRecorder, "to">>().toExtend<Omit<RecorderOptions, "to">>()
    expectTypeOf<keyof McpPromise.FlightRecorder>().toEqualTypeOf<keyof RecorderOptions>()
  })

  it("a duration is one of Effect's, and messages are those of the protocol", () => {
    expectTypeOf<McpPromise.Duration>().toExtend<Duration.Input>()
    expectTypeOf<Messages.ContentBlock>().toExtend<McpPromise.ContentBlock>()
    expectTypeOf<McpPromise.ContentBlock>().toExtend<Messages.ContentBlock>()
  })

  it("a handler may answer at once or by a promise, and not with something else", () => {
    expectTypeOf<{ roots: () => [] }>().toExtend<McpPromise.Handlers>()
    expectTypeOf<{ elicitation: () => Promise<{ action: "decline" }> }>().toExtend<McpPromise.Handlers>()
    expectTypeOf<{ elicitation: () => { action: "maybe" } }>().not.toExtend<McpPromise.Handlers>()
  })

  it("a reader is read with `for await`", () => {
    const read = async (mcp: McpPromise.Mcp) => {
      for await (const { server } of mcp.notifications()) return server
      for await (const event of mcp.events()) if (event._tag === "SlotMoved") return event.to
      for await (const { isMissed } of await mcp.subscribe("s", "note://1")) return isMissed
      return undefined
    }
    expectTypeOf(read).returns.toEqualTypeOf<Promise<string | boolean | undefined>>()
  })
})
