import { type Signal, signal } from '@preact/signals';
import {
  type ChatMessage,
  type FileTransfer,
  type IncomingFile,
  MoimError,
  type OutgoingFile,
  type Room,
} from 'moim-client';
import { callMessages } from '../screens/call/messages.js';
import { announce } from './announcer.js';
import { toast } from './toasts.js';

/** A line of the chat panel. */
export type ChatItem = MessageItem | FileItem;

interface ItemBase {
  readonly key: string;
  readonly fromName: string;
  readonly own: boolean;
  readonly at: Date;
}

/** A message; `failed` when it could not be sent. */
export interface MessageItem extends ItemBase {
  readonly kind: 'message';
  readonly text: string;
  readonly failed?: boolean;
}

/** A file on its way. */
export interface FileItem extends ItemBase {
  readonly kind: 'file';
  readonly transfer: FileTransfer;
  /** Grows with every change of the transfer. */
  readonly version: Signal<number>;
  /** Where the received file can be saved from. */
  readonly url: Signal<string | undefined>;
}

/** How many lines are kept; the oldest go. */
export const CHAT_ITEMS_MAX = 500;
/** Longest message in bytes of UTF-8, as the server takes it (`docs/protocol.md`). */
export const CHAT_TEXT_BYTES_MAX = 8192;

/** Messages and files of a call. */
export class Chat {
  /** All lines, oldest first. */
  readonly items = signal<readonly ChatItem[]>([]);
  /** How many came since the panel was last open. */
  readonly unread = signal(0);
  /** Whether the panel is open. */
  readonly open = signal(false);

  readonly #room: Room;
  readonly #onMessage = (message: ChatMessage) => this.#addMessage(message);
  readonly #onFile = (file: IncomingFile) => this.#addFile(file, file.from.name, false);

  /** Watches the chat of `room`. */
  constructor(room: Room) {
    this.#room = room;
    room.on('chatMessage', this.#onMessage);
    room.on('fileOffered', this.#onFile);
  }

  /** Sends `text`. What cannot be sent stays in the list, marked. */
  async send(text: string): Promise<void> {
    try {
      await this.#room.localParticipant.sendChatMessage(text);
    } catch {
      const name = this.#room.localParticipant.name;
      this.#add({
        kind: 'message',
        key: `failed-${crypto.randomUUID()}`,
        fromName: name,
        own: true,
        at: new Date(),
        text,
        failed: true,
      });
    }
  }

  /** Offers `files` to everybody. */
  sendFiles(files: Iterable<File>): void {
    for (const file of files) {
      try {
        const transfer: OutgoingFile = this.#room.localParticipant.sendFile(file);
        this.#addFile(transfer, this.#room.localParticipant.name, true);
      } catch (error) {
        const texts = callMessages.value;
        const isByServer = this.#room.topology === 'sfu' && error instanceof MoimError && error.code === 'notReachable';
        toast(isByServer ? texts.filesNeedDirect : texts.failure(error), 'error');
      }
    }
  }

  /** Takes an offered file; once it is here it can be saved. */
  async accept(item: FileItem): Promise<void> {
    try {
      const blob = await (item.transfer as IncomingFile).accept();
      // Of no type that a browser would open as a page of ours: what is in it is a stranger's.
      item.url.value = URL.createObjectURL(blob.slice(0, blob.size, 'application/octet-stream'));
      announce(callMessages.value.fileReceived(item.transfer.name));
    } catch {
      // The item itself shows how it ended.
    }
    item.version.value += 1;
  }

  /** Tells the chat whether its panel is open. */
  setOpen(open: boolean): void {
    this.open.value = open;
    if (open) this.unread.value = 0;
  }

  /** Stops watching, and lets received files go. */
  dispose(): void {
    this.#room.off('chatMessage', this.#onMessage);
    this.#room.off('fileOffered', this.#onFile);
    this.items.peek().forEach(release);
  }

  #addMessage(message: ChatMessage): void {
    const { name, isLocal, id } = message.from;
    const key = `${id}/${message.id}`;
    this.#add({ kind: 'message', key, fromName: name, own: isLocal, at: message.at, text: message.text });
    if (!isLocal) announce(callMessages.value.chatFrom(name, message.text));
  }

  #addFile(transfer: FileTransfer, fromName: string, own: boolean): void {
    const version = signal(0);
    transfer.onchange = () => {
      version.value += 1;
    };
    const url = signal<string | undefined>(undefined);
    this.#add({
      kind: 'file',
      key: `file-${own}-${transfer.id}`,
      fromName,
      own,
      at: new Date(),
      transfer,
      version,
      url,
    });
    if (!own) announce(callMessages.value.fileFrom(fromName, transfer.name));
  }

  #add(item: ChatItem): void {
    const items = [...this.items.peek(), item];
    items.slice(0, -CHAT_ITEMS_MAX).forEach(release);
    this.items.value = items.slice(-CHAT_ITEMS_MAX);
    if (!item.own && !this.open.peek()) this.unread.value += 1;
  }
}

function release(item: ChatItem): void {
  if (item.kind === 'file' && item.url.peek()) URL.revokeObjectURL(item.url.peek() ?? '');
}
