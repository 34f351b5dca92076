/**
 * `node test/simulate/mcp.ts [seeds] [from]`: the simulation of the client side of MCP over many seeds.
 *
 * It lives with the tests of `@holdfast/mcp`, which run a part of it: this only starts it.
 */
await import(new URL("../../packages/mcp/test/simulation/main.ts", import.meta.url).href)
