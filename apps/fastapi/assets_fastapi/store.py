"""The assets that this process has in memory."""

from assets import AssetStore

store = AssetStore()
