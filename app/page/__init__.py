"""What every lab's page shares: parts, messages, link, comparison, files in and out, work off the event loop."""
