"""Finds the open windows of a process on Windows, such as a message box that blocks it. Elsewhere it finds none."""

from __future__ import annotations

import sys

from drivers.chi660e.popups import Popup, Popups

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _WM_GETTEXT = 0x000D
    _SMTO_ABORTIFHUNG = 0x0002
    _PATIENCE_MS = 200
    _LONGEST = 1024
    _user32 = ctypes.WinDLL("user32", use_last_error=True)
    _Callback = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)

    def _text(window: int) -> str:
        """Ask a window for its text; a hung program answers nothing and is not waited for."""
        buffer = ctypes.create_unicode_buffer(_LONGEST)
        done = wintypes.DWORD()
        _user32.SendMessageTimeoutW(
            window, _WM_GETTEXT, _LONGEST, buffer, _SMTO_ABORTIFHUNG, _PATIENCE_MS, ctypes.byref(done)
        )
        return buffer.value

    def _windows_of(pid: int) -> list[int]:
        found: list[int] = []

        def visit(window: int, _: int) -> bool:
            owner = wintypes.DWORD()
            _user32.GetWindowThreadProcessId(window, ctypes.byref(owner))
            if owner.value == pid and _user32.IsWindowVisible(window):
                found.append(window)
            return True

        _user32.EnumWindows(_Callback(visit), 0)
        return found

    def _children(window: int) -> list[int]:
        found: list[int] = []

        def visit(child: int, _: int) -> bool:
            found.append(child)
            return True

        _user32.EnumChildWindows(window, _Callback(visit), 0)
        return found

    def visible_windows(pid: int) -> list[Popup]:
        """Return every visible top window of a process, with the texts in it."""
        return [
            Popup(_text(window), "\n".join(filter(None, map(_text, _children(window))))) for window in _windows_of(pid)
        ]

    watcher: Popups | None = visible_windows
else:
    watcher: Popups | None = None
