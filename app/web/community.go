package web

import (
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) newCommunity(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.Named](w, r)
	if err != nil {
		return err
	}
	community, err := f.chat.CreateCommunity(r.Context(), who, req)
	return f.reply(w, http.StatusCreated, community, err)
}

func (f *Face) renameCommunity(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	community, err := id[wire.CommunityID](r, "community")
	if err != nil {
		return err
	}
	req, err := decode[wire.Named](w, r)
	if err != nil {
		return err
	}
	renamed, err := f.chat.RenameCommunity(r.Context(), who, community, req)
	return f.reply(w, http.StatusOK, renamed, err)
}

func (f *Face) deleteCommunity(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	community, err := id[wire.CommunityID](r, "community")
	if err != nil {
		return err
	}
	return done(w, f.chat.DeleteCommunity(r.Context(), who, community))
}

func (f *Face) communityMembers(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	community, err := id[wire.CommunityID](r, "community")
	if err != nil {
		return err
	}
	members, err := f.chat.Members(r.Context(), who, community)
	return f.reply(w, http.StatusOK, members, err)
}

// membership reads the two ids of a member's address.
func membership(r *http.Request) (community wire.CommunityID, member wire.UserID, err error) {
	if community, err = id[wire.CommunityID](r, "community"); err != nil {
		return community, member, err
	}
	member, err = id[wire.UserID](r, "user")
	return community, member, err
}

func (f *Face) setRole(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	community, member, err := membership(r)
	if err != nil {
		return err
	}
	req, err := decode[wire.RoleChange](w, r)
	if err != nil {
		return err
	}
	changed, err := f.chat.SetRole(r.Context(), who, community, member, req)
	return f.reply(w, http.StatusOK, changed, err)
}

func (f *Face) removeMember(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	community, member, err := membership(r)
	if err != nil {
		return err
	}
	return done(w, f.chat.RemoveMember(r.Context(), who, community, member))
}

func (f *Face) newGroup(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	community, err := id[wire.CommunityID](r, "community")
	if err != nil {
		return err
	}
	req, err := decode[wire.Named](w, r)
	if err != nil {
		return err
	}
	group, err := f.chat.CreateGroup(r.Context(), who, community, req)
	return f.reply(w, http.StatusCreated, group, err)
}

func (f *Face) renameGroup(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	group, err := id[wire.GroupID](r, "group")
	if err != nil {
		return err
	}
	req, err := decode[wire.Named](w, r)
	if err != nil {
		return err
	}
	renamed, err := f.chat.RenameGroup(r.Context(), who, group, req)
	return f.reply(w, http.StatusOK, renamed, err)
}

func (f *Face) deleteGroup(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	group, err := id[wire.GroupID](r, "group")
	if err != nil {
		return err
	}
	return done(w, f.chat.DeleteGroup(r.Context(), who, group))
}
