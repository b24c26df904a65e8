/** 1550000000 as 1.6 GB: to the nearest tenth of 10^9 bytes, and small amounts in MB. */
export function formatMemory(bytes: number): string {
  return bytes < 1e9 ? `${String(Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
