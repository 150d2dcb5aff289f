import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createProcessTree } from './process-tree.ts';
import { outgoingSockets, type TcpSocket } from './tcp-table.ts';

/** A connection that a command made around the sidecar. */
export interface Bypass {
  readonly pid: number;
  readonly process: string;
  readonly address: string;
  readonly port: number;
}

export interface ConnectionWatch {
  /** What was seen so far: each process, address and port once. */
  seen(): readonly Bypass[];
  stop(): void;
}

/** Whether connections can be watched at all. */
export const canWatchConnections: boolean = process.platform === 'linux';

const betweenMs = 20;
const maxBypasses = 100;
/** A socket that nobody of the tree holds after so many looks belongs to others. */
const maxLooks = 5;

/**
 * Looks again and again for connections of a process and all that come from it to addresses that are not loopback. A connection that is over
 * between two looks is missed: this finds clients that go around a sidecar, and does not keep them from it.
 */
export function watchConnections(rootPid: number): ConnectionWatch {
  const tree = createProcessTree(rootPid);
  const found = new Map<string, Bypass>();
  const looks = new Map<string, number>();
  const look = () => {
    const sockets = new Map(readSockets(rootPid).map((socket) => [socket.inode, socket]));
    for (const inode of looks.keys()) if (!sockets.has(inode)) looks.delete(inode);
    const open = [...sockets.values()].filter(({ inode }) => (looks.get(inode) ?? 0) < maxLooks);
    // Children have to be known before their parents are gone, whether or not anything is open.
    const members = tree.look();
    if (open.length === 0) return;
    for (const { inode } of open) looks.set(inode, (looks.get(inode) ?? 0) + 1);
    for (const [pid, name] of members) {
      for (const inode of socketsOf(pid)) {
        const socket = sockets.get(inode);
        if (socket === undefined || found.size >= maxBypasses) continue;
        const bypass = { pid, process: name, address: socket.remoteAddress, port: socket.remotePort };
        found.set(`${pid} ${bypass.address} ${bypass.port}`, bypass);
      }
    }
  };
  const timer = setInterval(look, betweenMs);
  look();
  return {
    seen: () => [...found.values()],
    stop: () => clearInterval(timer),
  };
}

function readSockets(pid: number): readonly TcpSocket[] {
  return ['tcp', 'tcp6'].flatMap((table) => {
    try {
      return outgoingSockets(readFileSync(`/proc/${pid}/net/${table}`, 'latin1'));
    } catch {
      return []; // Gone, or a machine without IPv6.
    }
  });
}

function socketsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // Closed meanwhile.
      }
    });
  } catch {
    return []; // Gone, or of another user.
  }
}
