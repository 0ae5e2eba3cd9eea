"""Pictures of episodes: images, text, the window, and play by keyboard."""
