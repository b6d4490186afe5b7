"""The lab where an ear teaches a network to be a room: the FDN lab, told as a story from the ear's side."""
