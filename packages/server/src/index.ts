/**
 * MCP servers whose sessions never leak and whose streams never hang: hosts for HTTP and stdio, the registry of sessions, the drain.
 */
export * as Admin from "./Admin.ts"
export * from "./AdminJobs.ts"
export * as Authenticator from "./Authenticator.ts"
export * as Drain from "./Drain.ts"
export * as EffectPrompt from "./EffectPrompt.ts"
export * as EffectResource from "./EffectResource.ts"
export * as EffectTool from "./EffectTool.ts"
export * as Guard from "./Guard.ts"
export * as McpHost from "./McpHost.ts"
export * from "./McpServerError.ts"
export * as SdkTool from "./SdkTool.ts"
export * as Session from "./Session.ts"
export * as SessionPolicy from "./SessionPolicy.ts"
export * as SessionRegistry from "./SessionRegistry.ts"
export * as StdioHost from "./StdioHost.ts"
