// Jest runs each test file in a realm of its own: what the platform fails with there is no instance of the file's own `Error`.
import { openMcp } from "@holdfast/mcp/promise"

test("a server answers, what cannot be connected says why, and all of it ends", async () => {
  const mcp = await openMcp({
    mcpServers: {
      local: { command: process.execPath, args: ["server.mjs"] },
      missing: { command: "no-such-command" },
      web: { url: "http://127.0.0.1:1/mcp" }
    }
  })
  const { tools, unavailable } = await mcp.tools()
  expect(tools.map(({ name }) => name)).toEqual(["local__echo"])
  expect((await mcp.call("local__echo", { text: "hello" })).text).toBe("hello")
  expect(unavailable.map(({ error }) => error.reason._tag).toSorted()).toEqual(["CommandNotFound", "Unreachable"])
  expect(unavailable.map(({ error }) => error.message).join()).toContain("connection refused")
  await mcp.close()
})

test("a config that is not there is told by its name", async () => {
  await expect(openMcp("nowhere.json")).rejects.toThrow("nowhere.json")
})
