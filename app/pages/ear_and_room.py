from app.site import open_lab

open_lab("ear_and_room")
